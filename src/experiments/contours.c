/* Lines of equal value of a function of two variables, by marching along the sides of the cells of a grid.
 * SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include <stdlib.h>

enum { CELLS = 72, LEVELS = 9, MOST = CELLS * CELLS * LEVELS / 4 };

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Where the level crosses the side from corner a to corner b of a cell. */
static void crossing(const double *a, const double *b, double level, double *xy)
{
    double s = (level - a[2]) / (b[2] - a[2]);
    xy[0] = a[0] + s * (b[0] - a[0]);
    xy[1] = a[1] + s * (b[1] - a[1]);
}

/* The piece of the level's line in the triangle of three corners (x, y, value); 0 or 3 points with the break. */
static size_t piece(const double *const corner[3], double level, double *xy)
{
    size_t found = 0;
    for (int i = 0; i < 3; i++) {
        const double *a = corner[i], *b = corner[(i + 1) % 3];
        if ((a[2] < level) == (b[2] < level) || found == 2) continue;
        crossing(a, b, level, xy + 2 * found++);
    }
    if (found < 2) return 0;
    xy[4] = xy[5] = (double)NAN;
    return 3;
}

size_t lg_level_line(size_t columns, size_t rows, const double *grid, double level, double *xy, size_t room)
{
    size_t points = 0;
    for (size_t i = 0; i + 1 < rows; i++)
        for (size_t j = 0; j + 1 < columns && points + 6 <= room; j++) {
            const double *a = grid + 3 * (i * columns + j), *b = a + 3, *c = a + 3 * columns;
            points += piece((const double *const[]){ a, b, c }, level, xy + 2 * points);
            points += piece((const double *const[]){ b, c, c + 3 }, level, xy + 2 * points);
        }
    return points;
}

/* Values at the grid's nodes, (x, y, value) each. */
static luge_status sample(lg_whole *w, const double box[4], double *grid, luge_error *err)
{
    luge_status st = LUGE_OK;
    for (int i = 0; i <= CELLS; i++)
        for (int j = 0; j <= CELLS; j++) {
            double *p = grid + 3 * (i * (CELLS + 1) + j);
            p[0] = box[0] + (box[1] - box[0]) * j / CELLS;
            p[1] = box[2] + (box[3] - box[2]) * i / CELLS;
            LG_TRY(lg_whole_value(w, p, &p[2], err));
        }
done:
    return st;
}

/* Levels that leave the same area between them, so that valleys and walls are both drawn. */
static luge_status choose_levels(const double *grid, double level[LEVELS], luge_error *err)
{
    enum { NODES = (CELLS + 1) * (CELLS + 1) };
    luge_status st = LUGE_OK;
    double *sorted;

    LG_NEED(sorted = lg_alloc(NODES, sizeof *sorted));
    for (int i = 0; i < NODES; i++) sorted[i] = grid[3 * i + 2];
    qsort(sorted, NODES, sizeof *sorted, by_size);
    for (int k = 0; k < LEVELS; k++) level[k] = sorted[NODES * (2 * k + 1) / (2 * LEVELS)];
    lg_free(sorted);
done:
    return st;
}

luge_status lg_contours(const lg_problem_request *problem, const double box[4], double **xy, size_t *points,
                        luge_error *err)
{
    luge_status st;
    lg_whole *w = NULL;
    double *grid = NULL, *line = NULL, level[LEVELS];

    *xy = NULL;
    *points = 0;
    LG_TRY(lg_whole_open(&w, problem, err));
    LG_NEED(grid = lg_alloc(3 * (CELLS + 1) * (CELLS + 1), sizeof *grid));
    LG_NEED(line = lg_alloc(2 * MOST, sizeof *line));
    LG_TRY(sample(w, box, grid, err));
    LG_TRY(choose_levels(grid, level, err));
    for (int k = 0; k < LEVELS; k++)
        *points += lg_level_line(CELLS + 1, CELLS + 1, grid, level[k], line + 2 * *points, MOST - *points);
    *xy = line, line = NULL;
done:
    lg_free(line);
    lg_free(grid);
    lg_whole_close(w);
    return st;
}
