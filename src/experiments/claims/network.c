/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include <stdio.h>

static const char *const files[] = { "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", NULL };
static const char *const models[] = { "rescaled", "modified" };

static bool judge(void *context, const lg_flow_line *line, lg_path *path)
{
    lg_verdict *v = context;
    (void)path;
    v->holds = v->holds && fabs(line->orders.fitted - line->theory) < 0.1;
    LG_SAY(v->measured, "%s%s: order %.3f, errors %.3g to %.3g", v->measured[0] ? "; " : "", line->model,
           line->orders.fitted, line->error[0], line->error[line->n - 1]);
    return true;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    char images[1100], labels[1100];
    const char *const data[] = { images, labels };
    lg_flow_result result;
    lg_flow f = { .problem = { .spec = "mlp:hidden=32,activation=tanh",
                               .data = data,
                               .data_count = 2,
                               .split = 1000,
                               .threads = means->threads },
                  .method = luge_method_find("heavy_ball"),
                  .model = models,
                  .models = 2,
                  .momentum = 0.5,
                  .lr = ldexp(1, -8),
                  .time = 0.5,
                  .halvings = 2,
                  .prepared = true,
                  .rtol = 1e-9,
                  .line = judge,
                  .context = v };

    snprintf(images, sizeof images, "images=%s/%s", means->folder, files[0]);
    snprintf(labels, sizeof labels, "labels=%s/%s", means->folder, files[1]);
    LG_SAY(v->expected, "orders 1 (rescaled) and 2 (modified), each within 0.1");
    return lg_flow_run(&f, &result, err);
}

const lg_claim lg_claim_network = {
    .name = "network",
    .claim =
        "A network trained by momentum on all its data follows the rescaled gradient flow to first order and the "
        "flow of the modified loss to second order.",
    .reference =
        "Kovachki & Stuart, JMLR 22 (2021), numerical part; the setting is our own: a smaller network, without "
        "minibatches",
    .run = "784-32-10, tanh, cross entropy, in f64 on the first 1000 images; heavy ball with momentum 0.5, prepared "
           "start, to T = 0.5; h = 1/256, 1/512, 1/1024; the modified field by products with the Hessian",
    .data = files,
    .check = check,
};
