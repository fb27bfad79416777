/* A program of a user: ten steps of heavy ball on f = x²/2.  SPDX-License-Identifier: MIT */
#include <luge/luge.h>
#include <stdio.h>

int main(void)
{
    double x = 1, g;
    const void *grad[] = { &g };
    luge_inputs in = { .grad = grad };
    luge_optimizer *opt;
    luge_error err = { 0 };
    luge_status st = luge_new(&opt, "heavy_ball", &err);

    if (!st) st = luge_set(opt, 0, "lr", "0.1", &err);
    if (!st) st = luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err);
    for (int k = 0; k < 10 && !st; k++) g = x, st = luge_step(opt, &in, &err);
    luge_free(opt);
    printf("luge %s: x = %.3f%s\n", luge_version(), x, err.text);
    return st != LUGE_OK || !(x < 0.9);
}
