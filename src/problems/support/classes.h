/* Rows of numbers, each with a class: read from IDX files or made from a seed.  SPDX-License-Identifier: MIT */
#ifndef LG_CLASSES_H
#define LG_CLASSES_H
#include "core/core.h"

typedef struct lg_classes {
    size_t rows, features, classes; /* at most 256 classes */
    unsigned char *pixel;           /* rows x features, of files: a feature is pixel / 255 */
    double *feature;                /* rows x features, of made sets; one of the two is NULL */
    unsigned char *label;           /* NULL: none */
} lg_classes;

/* What a made set looks like.  A linear model cannot tell its classes apart, a small network can:
 *     spirals  arm k of K turns by 3/4 of a circle around the middle of the plane
 *     blobs    class k is two clouds, around the points u_k and -u_k in 16 dimensions */
enum lg_made { LG_SPIRALS, LG_BLOBS };
#define LG_MADE_WORDS "(spirals, blobs)"

/* labels NULL: rows without classes.  classes 0: as many as the largest label and one more, or 3 in a made set. */
luge_status lg_classes_read(lg_classes *out, const char *images, const char *labels, size_t classes, luge_error *err);
luge_status lg_classes_make(lg_classes *out, enum lg_made what, size_t classes, uint64_t seed, luge_error *err);
void lg_classes_free(lg_classes *c);

#endif
