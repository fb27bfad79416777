/* Properties of every method in the registry.  SPDX-License-Identifier: MIT */
#include "registry.h"

#define PROPERTY(test, name)                                                                                         \
    static void test(void **state)                                                                                   \
    {                                                                                                                \
        (void)state;                                                                                                 \
        property(name);                                                                                              \
    }
PROPERTY(same_bits_by_every_way, "ways")
PROPERTY(same_bits_of_every_length, "lengths")
PROPERTY(many_tensors_are_as_one, "split")
PROPERTY(f32_is_near_f64, "types")
PROPERTY(bf16_is_f32_rounded, "bf16")
PROPERTY(zero_gradients_move_nothing, "zero")
PROPERTY(nan_follows_the_policy, "nan")
PROPERTY(the_limit_of_late_steps_exists, "limit")

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_by_every_way),  cmocka_unit_test(same_bits_of_every_length),
        cmocka_unit_test(many_tensors_are_as_one), cmocka_unit_test(f32_is_near_f64),
        cmocka_unit_test(bf16_is_f32_rounded),     cmocka_unit_test(zero_gradients_move_nothing),
        cmocka_unit_test(nan_follows_the_policy),  cmocka_unit_test(the_limit_of_late_steps_exists),
    };
    return cmocka_run_group_tests(tests, configs_make, configs_drop);
}
