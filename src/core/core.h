/* What every layer stands on: errors, memory, numbers as text, typed settings, random numbers, elementary
 * functions, the instruction set level, and the sharing of work among threads.
 * SPDX-License-Identifier: MIT */
#ifndef LG_CORE_H
#define LG_CORE_H
#include <luge/luge.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- errors (status.c) ---- */

luge_status lg_fail(luge_error *err, luge_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define LG_TRY(call)                                                                                                 \
    do {                                                                                                             \
        if ((st = (call)) != LUGE_OK) goto done;                                                                     \
    } while (0)
#define LG_NEED(pointer)                                                                                             \
    do {                                                                                                             \
        if (!(pointer)) {                                                                                            \
            st = lg_fail(err, LUGE_E_MEMORY, "out of memory in %s", __func__);                                       \
            goto done;                                                                                               \
        }                                                                                                            \
    } while (0)

/* ---- memory (alloc.c): the one door.  Tests make the n-th call fail by the linker's --wrap. ---- */

enum { LG_ALIGN = 64 };
void *lg_alloc(size_t count, size_t size);                     /* zeroed, aligned to 64; NULL: too large or none */
void *lg_grow(void *p, size_t old, size_t count, size_t size); /* like realloc; old: items to keep               */
void lg_free(void *p);                                         /* NULL is fine                                   */
char *lg_copy_text(const char *text);

/* a * b and a + b of sizes that came from outside; false: would overflow. */
bool lg_times(size_t a, size_t b, size_t *product);
bool lg_plus(size_t a, size_t b, size_t *sum);

/* ---- numbers as text (number.c): with a dot in every locale ---- */

const char *lg_number_read(const char *text, double *v); /* end of the number, or NULL: none           */
void lg_number_print(char *text, size_t size, double v); /* shortest of %.15g %.16g %.17g that reads back */

/* ---- typed settings (settings.c): a table of rows and a struct; the defaults are parsed like the user's ---- */

enum lg_kind { LG_real, LG_rate, LG_int, LG_bool, LG_word, LG_list, LG_maybe };
/*   C type    double   double   int64   int      int      lg_list  double (NAN: none)
 *   range     "[0,1)"  "[0,inf)" "[1,9]" -       "(a, b)" of each  "(0,inf)"
 * rate is a real that a schedule scales. */
enum { LG_LIST = 24, LG_TEXT = 640 }; /* numbers of a list; bytes that hold any value as text */
typedef struct lg_list {
    int n;
    double v[LG_LIST];
} lg_list;

typedef struct lg_setting {
    const char *name;
    enum lg_kind kind;
    size_t at;                        /* offset in the struct */
    const char *value, *range, *text; /* default, allowed, meaning */
} lg_setting;                         /* a table ends with a NULL name */

#define LG_NONE(v) isnan(v)

const lg_setting *lg_setting_find(const lg_setting *table, const char *name);
/* owner: whose settings, for messages ("adamw: beta1 = 2 is not in [0,1)").  A failure leaves the struct alone. */
luge_status lg_setting_set(const char *owner, const lg_setting *row, void *settings, const char *value,
                           luge_error *err);
luge_status lg_setting_key(const char *owner, const lg_setting *table, void *settings, const char *key,
                           const char *value, luge_error *err); /* unknown key: the known ones are listed */
luge_status lg_setting_defaults(const char *owner, const lg_setting *table, void *settings, luge_error *err);
/* "a=1,b=true,c=(1, 2)": commas inside parentheses belong to a list; spaces separate too. */
luge_status lg_setting_parse(const char *owner, const lg_setting *table, void *settings, const char *text,
                             luge_error *err);
/* "key=value" in two: for luge_set and luge_option. */
luge_status lg_setting_split(const char *text, char key[LG_TEXT], const char **value, luge_error *err);
void lg_setting_print(const lg_setting *row, const void *settings, char *text, size_t size);
const char *lg_kind_name(enum lg_kind kind);

/* ---- tensors ---- */

enum { LG_DIMS = 8 };
typedef struct lg_shape {
    const char *name;
    int ndim;
    size_t shape[LG_DIMS], n; /* n: elements, the product */
    bool has_bias, is_bias;   /* luge_link */
} lg_shape;
static inline size_t lg_size(luge_type type) { return type == LUGE_F64 ? 8 : type == LUGE_F32 ? 4 : 2; }

/* ---- random numbers (random.c): Philox 4x32-10, keyed by (seed, stream), counted by index ---- */

uint64_t lg_random(uint64_t seed, uint64_t stream, uint64_t index);            /* 64 bits                         */
double lg_uniform(uint64_t seed, uint64_t stream, uint64_t index);             /* [0,1), a multiple of 2^-53      */
double lg_normal(uint64_t seed, uint64_t stream, uint64_t index);              /* standard normal                 */
uint64_t lg_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t n); /* 0 .. n-1, n > 0              */
void lg_shuffle(size_t *row, size_t n, uint64_t seed, uint64_t stream);        /* a permutation of 0 .. n-1       */

/* ---- elementary functions (elementary.c): + - * / sqrt and bits only, so the same result everywhere.
 * Error bounds stand there. ---- */

double lg_exp(double x);
double lg_log(double x);
double lg_pow(double x, double y); /* x >= 0 */
double lg_sin(double x);
double lg_cos(double x);
double lg_tanh(double x);
double lg_power(double b, double k); /* b^k, whole k >= 0 or k = infinity: squaring */

/* ---- instruction set level (isa.c) ---- */

/* The highest of 2, 3, 4 (x86-64-v2, ...) that this processor has, or what `force` ("v2", ...) says; 0: not x86. */
luge_status lg_isa_level(const char *force, int *level, luge_error *err);
/* Whether loops on this processor gain by asking for memory ahead of time: measured, by its maker. */
bool lg_asks_ahead(void);

/* ---- threads (share.c): the one place that starts them ---- */

/* Call work(context, id, of) for id = 0 .. of-1, of <= threads (0: OpenMP's choice), each perhaps in a thread of its
 * own. What is computed may depend on the whole of the shares only, never on `of`. */
void lg_share(int threads, void (*work)(void *context, size_t id, size_t of), void *context);
int lg_threads(int threads); /* what `threads` comes to */

static inline uint64_t lg_hash(uint64_t h, const void *data, size_t bytes) /* FNV-1a; start with LG_HASH */
{
    for (const unsigned char *c = (const unsigned char *)data; bytes--; c++) h = (h ^ *c) * 0x100000001b3u;
    return h;
}
#define LG_HASH 0xcbf29ce484222325u

#endif
