/* Included by every method file, after its tables and before its code.  Gives absent tables their empty
 * form, makes structs of the tables, and says what PREPARE, MEASURE, THEN, UPDATE, VIEW and LOCAL mean.
 * SPDX-License-Identifier: MIT
 *
 *   table     one row is                                        a row makes
 *   HYPER     (kind, name, default, range, meaning)             h->name: real rate int bool word list maybe
 *   RULES     (condition on h, message)                         a check of the settings together
 *   SWITCHES  (name, expression on h, k and t, count)           a compile-time constant in the loops, per tensor
 *   SLOTS     (name, present, start, written by, meaning)       s->name; start 0 or x: kept; work: scratch
 *   REPEATED  (name, how many, start, written by, meaning)      s->name[i]
 *   INPUTS    (name, needed, meaning)                           s->name, read only
 *   MEMORY    (name, start, meaning)                            m->name, one f64 per group, kept
 *   LOSS      (needed, meaning)                                 m->loss, f64: the objective that came with the gradient
 *   LAYER     (needed, meaning)                                 data->layer in THEN: what a layer saw; needed on h, k, m and t;
 *                                                               data->bias: the bias that is linked to it, whose passes
 *                                                               then run after the same pass of both and this THEN
 *   OWN       (name, start, meaning)                            own->name, one f64 per tensor, kept
 *   BLOCKS    (name, most, length, start, meaning)              BLOCK(name, j): f64 of another shape, kept; length and
 *                                                               start on h, t, j < most (and i < length); THEN only
 *   COEFS     (name)                                            c->name, f64 in PREPARE/THEN, `real` in loops
 *   MEASURES  (pass, scope, when)                               a pass before the update; when: on h, k, t
 *   SUMS      (pass, add or max, name)                          sum->name in MEASURE, r->name in THEN
 *   RESULTS   (name)                                            r->name, per row: THEN writes, loops read
 *   ALIASES   (name, title, fixed, defaults, paper)             a further method, without a formula
 *   EVIDENCE  (name, tier, source)                              what proves the method, or an alias, to be itself
 *   DIGITS    (name, "key=value ...", why not)                  settings with which it learns to tell digits; no row: its own
 *   SMOOTH    "a method with its settings"                      one like it without signs, maxima or sums, if there is
 *
 * WORK, where it is defined, is how many bytes THEN needs for a tensor t (on h, t and type): a method with it calls BLAS.
 *
 * PREPARE is called once a step for every step count that occurs (tensors that missed a gradient lag behind), or for
 * every tensor where there is an OWN table; a method with MEMORY or sums over all tensors has one count.  THEN of such a
 * sum changes the constants of all tensors; where there is an OWN table it may change MEMORY only.
 */
#ifndef REAL                                        /* read alone (editor, clangd): checked in f64 */
#  define REAL 64
#endif
#include "engine/real.h"
#include "engine/engine.h"
#pragma GCC diagnostic ignored "-Wpedantic" /* a table may be empty, and so the struct made of it */

#ifndef RULES
#  define RULES(_)
#endif
#ifndef SWITCHES
#  define SWITCHES(_)
#endif
#ifndef SLOTS
#  define SLOTS(_)
#endif
#ifndef REPEATED
#  define REPEATED(_)
#endif
#ifndef INPUTS
#  define INPUTS(_)
#endif
#ifndef MEMORY
#  define MEMORY(_)
#endif
#ifndef LOSS
#  define LOSS(_)
#endif
#ifndef LAYER
#  define LAYER(_)
#endif
#ifndef OWN
#  define OWN(_)
#endif
#ifndef BLOCKS
#  define BLOCKS(_)
#endif
#ifndef EVIDENCE
#  define EVIDENCE(_)
#endif
#ifndef DIGITS
#  define DIGITS(_)
#endif
#ifndef MEASURES
#  define MEASURES(_)
#endif
#ifndef SUMS
#  define SUMS(_)
#endif
#ifndef RESULTS
#  define RESULTS(_)
#endif
#ifndef ALIASES
#  define ALIASES(_)
#endif
#ifndef SMOOTH
#  define SMOOTH ""
#endif
#ifndef ROW_LENGTH
#  define ROW_LENGTH t->n
#endif

#ifndef FIELD_real                                  /* the same for every method and type */
#  define FIELD_real  double
#  define FIELD_rate  double
#  define FIELD_maybe double
#  define FIELD_int   int64_t
#  define FIELD_bool  int
#  define FIELD_word  int
#  define FIELD_list  lg_list
#  define HYPER_FIELD(kind, n, def, range, doc)  FIELD_##kind n;
/* word hyperparameters: enumerators, so that WORD(base, lion) is checked by the compiler */
#  define WORD(n, w)                             CAT(NAME, n##_##w, TYPE)
#  define HYPER_WORDS(kind, n, def, range, doc)  WORDS_##kind(n, range)
#  define WORDS_real(n, range)
#  define WORDS_rate(n, range)
#  define WORDS_maybe(n, range)
#  define WORDS_int(n, range)
#  define WORDS_bool(n, range)
#  define WORDS_list(n, range)
#  define WORDS_word(n, words)                   enum { EACH_WORD(n, BARE words) };
#  define BARE(...)                              __VA_ARGS__
#  define EACH_WORD(...)                         EACH_WORD_(__VA_ARGS__)
#  define EACH_WORD_(n, ...)                     NINTH(__VA_ARGS__, W8, W7, W6, W5, W4, W3, W2, W1, W0)(n, __VA_ARGS__)
#  define NINTH(a, b, c, d, e, f, g, h, N, ...)  N
#  define W1(n, w)      WORD(n, w)
#  define W2(n, w, ...) WORD(n, w), W1(n, __VA_ARGS__)
#  define W3(n, w, ...) WORD(n, w), W2(n, __VA_ARGS__)
#  define W4(n, w, ...) WORD(n, w), W3(n, __VA_ARGS__)
#  define W5(n, w, ...) WORD(n, w), W4(n, __VA_ARGS__)
#  define W6(n, w, ...) WORD(n, w), W5(n, __VA_ARGS__)
#  define W7(n, w, ...) WORD(n, w), W6(n, __VA_ARGS__)
#  define W8(n, w, ...) WORD(n, w), W7(n, __VA_ARGS__)

#  define SLOT_FIELD(n, present, start, by, doc) real n;
#  define REP_FIELD(n, count, start, by, doc)    real n[LG_MANY];
#  define INPUT_FIELD(n, needed, doc)            real n;
#  define MEMORY_FIELD(n, start, doc)            double n;
#  define LOSS_FIELD(needed, doc)                double loss;
#  define COEF_WIDE(n)                           double n;
#  define COEF_REAL(n)                           real n;
#  define SUM_FIELD(pass, op, n)                 wide n;
#  define SUM_DOUBLE(pass, op, n)                double n;
#  define SUM_CARRY(pass, op, n)                 double lane_##n[LG_LANES], total_##n;
#  define RESULT_REAL(n)                         real n;
#  define PASS_INDEX(pass, scope, when)          TAG(pass_##pass),
#  define SLOT_INDEX(n, present, start, by, doc) TAG(slot_##n),
#  define BLOCK_INDEX(n, most, length, start, doc) TAG(block_##n), TAG(last_##n) = TAG(block_##n) + (most) - 1,
#  define SWITCH_PARAM(n, value, count)          , UNUSED const int n
#  define SWITCH_PASS(n, value, count)           , n
#  define SWITCH_TIMES(n, value, count)          * (count)

/* Host, f64, once a step. */
#  define PREPARE static inline void TAG(prepare)(UNUSED const struct TAG(hyper) *h, UNUSED double k, \
                    UNUSED struct TAG(memory) *m, UNUSED struct TAG(own) *own, UNUSED struct TAG(coef64) *c)
/* Host, f64, after a pass: once for LG_ALL, once per tensor t else; r[0 .. rows). */
#  define THEN(p) static inline void TAG(then_##p)(UNUSED const struct TAG(hyper) *h, UNUSED double k, \
                    UNUSED struct TAG(memory) *m, UNUSED struct TAG(own) *own, UNUSED struct TAG(coef64) *c, UNUSED struct TAG(unit) *r, \
                    UNUSED size_t rows, UNUSED const lg_shape *t, UNUSED const lg_data *data, \
                    UNUSED luge_type type, UNUSED int *stop)
#  define AT(n)    data->slot[TAG(slot_##n)]           /* in THEN: a whole slot, for linalg; its numbers are of `type` */
#  define BLOCK(n, j) data->block[TAG(block_##n) + (j)]  /* in THEN: NULL where its length is 0 */
#  define ROWS     lg_down(t)
#  define COLUMNS  lg_across(t)
/* One coordinate, in `real`. */
#  define GIVEN       UNUSED real x, UNUSED real g, UNUSED struct TAG(state) *s, UNUSED const struct TAG(coef) *c, \
                    UNUSED const struct TAG(result) *r
#  define UPDATE      LG_FN real TAG(update)(GIVEN SWITCHES(SWITCH_PARAM))
#  define VIEW        LG_FN real TAG(view)(GIVEN SWITCHES(SWITCH_PARAM))
#  define LOCAL(f)    LG_FN real TAG(local_##f)(GIVEN SWITCHES(SWITCH_PARAM))
#  define CALL(f)     TAG(local_##f)(x, g, s, c, r SWITCHES(SWITCH_PASS))
#  define MEASURE(p)  LG_FN void TAG(measure_##p)(GIVEN, UNUSED struct TAG(sums) *sum SWITCHES(SWITCH_PARAM))
/* Over repeated slots: a fixed count, so that every compiler unrolls it before it vectorizes. */
#  define EACH(i, count) LG_UNROLL for (int i = 0; i < LG_MANY; i++) if (i < (count))
#endif

HYPER(HYPER_WORDS)
enum { MEASURES(PASS_INDEX) TAG(pass_update), TAG(pass_view), TAG(pass_start) };
enum { TAG(variants) = 1 SWITCHES(SWITCH_TIMES) };
static_assert(TAG(variants) <= (int)LG_VARIANTS, "at most 16 variants: make a switch a constant of 0 or 1");
enum { SLOTS(SLOT_INDEX) TAG(slots) };
enum { BLOCKS(BLOCK_INDEX) TAG(blocks) };
static_assert((int)TAG(blocks) <= LG_BLOCKS, "more blocks than LG_BLOCKS");
struct TAG(hyper)  { HYPER(HYPER_FIELD) };
struct TAG(memory) { MEMORY(MEMORY_FIELD) LOSS(LOSS_FIELD) };
struct TAG(own)    { OWN(MEMORY_FIELD) };
struct TAG(coef64) { COEFS(COEF_WIDE) };
struct TAG(coef)   { COEFS(COEF_REAL) };
struct TAG(state)  { SLOTS(SLOT_FIELD) REPEATED(REP_FIELD) INPUTS(INPUT_FIELD) };
struct TAG(sums)   { SUMS(SUM_FIELD) };
struct TAG(carry)  { SUMS(SUM_CARRY) };
struct TAG(unit)   { SUMS(SUM_DOUBLE) RESULTS(COEF_WIDE) };
struct TAG(result) { RESULTS(RESULT_REAL) };
