/* Saving 1 GB as safetensors beside a plain write and fsync of the same bytes, each over its file of the turn before.
 * ratio: the time of saving over that of writing.  An argument names the folder to write in; without one it is the
 * present folder.  SPDX-License-Identifier: MIT */
#define ROUNDS 5
#include "measure.h"

#include "io/io.h"
#include <fcntl.h>
#include <unistd.h>

enum { TENSORS = 64 };

typedef struct job {
    char path[1024];
    const char *data;
    size_t bytes;
    lg_entry entry[TENSORS];
} job;

static void save(void *of)
{
    const job *j = of;
    must(lg_tensors_write(j->path, j->entry, TENSORS, NULL, 0, &err));
}

static void write_plainly(void *of)
{
    const job *j = of;
    int fd = open(j->path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ssize_t n = 0;

    for (size_t at = 0; fd >= 0 && n >= 0 && at < j->bytes; at += (size_t)n)
        n = write(fd, j->data + at, j->bytes - at);
    if (fd < 0 || n < 0 || fsync(fd) || close(fd)) must(lg_fail_errno(&err, j->path, "cannot be written"));
}

int main(int argc, char **argv)
{
    const size_t n = 1000000000 / TENSORS / sizeof(float);
    const char *folder = argc > 1 ? argv[1] : ".";
    static job plain, tensors;
    static char name[TENSORS][16];
    float *data = room(TENSORS * n, sizeof *data);
    double median[2];

    for (size_t i = 0; i < TENSORS * n; i++) data[i] = (float)i;
    plain.data = (const char *)data;
    plain.bytes = TENSORS * n * sizeof *data;
    for (size_t i = 0; i < TENSORS; i++) {
        snprintf(name[i], sizeof name[i], "t%zu", i);
        tensors.entry[i] = (lg_entry){ .name = name[i], .ndim = 1, .shape = { n }, .data = data + i * n };
    }
    snprintf(plain.path, sizeof plain.path, "%s/bench-save-plain", folder);
    snprintf(tensors.path, sizeof tensors.path, "%s/bench-save-tensors", folder);
    compare(write_plainly, &plain, save, &tensors, 1, median);
    printf("{\"bench\": \"save\", \"bytes\": %zu, \"write_s\": %.4f, \"save_s\": %.4f, \"ratio\": %.3f}\n",
           plain.bytes, median[0], median[1], median[1] / median[0]);
    remove(plain.path);
    remove(tensors.path);
    lg_free(data);
    return 0;
}
