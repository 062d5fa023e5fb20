/* Margins of a network, from the domains; boxes.c is the other file of certify/ that calls them. */
#include <math.h>

#include "base/clock.h"
#include "base/interval.h"
#include "certify/schedule.h"
#include "gpu/backend.h"

static sp_bound_task task_of(const sp_margins *margins) {
    return (sp_bound_task){.net = margins->net,
                           .fronts = margins->front,
                           .clips = margins->clips,
                           .within = margins->within,
                           .lines = margins->line != NULL,
                           .evident = margins->keep != NULL,
                           .goal = margins->goal,
                           .deadline = margins->deadline};
}

/* Hands the bounds over if they prove all rows. */
static void keep(const sp_margins *margins, void *bounds) {
    double least = INFINITY;
    for (size_t r = 0; r < margins->rows; r++) {
        const double constant = margins->constant[r], product = margins->lower[r];
        const double lower = constant != 0.0 ? sp_below(product + constant) : product;
        least = lower >= least ? least : lower; // NaN stays
    }
    if (least > 0.0) {
        margins->keep->call(margins->keep->context, margins->pass->domain, bounds,
                            margins->front[0], least);
    }
}

/* What float32 arithmetic can change, over the boxes at hand. */
static sp_status bound_single(sp_error *err, sp_margins *margins, void *bounds) {
    SP_TRY(sp_single_terms(err, margins->term, margins->program, margins->net, margins->front[0],
                           margins->pass->domain, bounds, margins->weight, margins->rows,
                           margins->deadline));
    for (size_t r = 0; margins->float32 && r < margins->rows; r++) {
        margins->lower[r] = sp_below(margins->lower[r] - margins->term[r]);
        if (margins->line != NULL) {
            margins->line[r].offset = sp_below(margins->line[r].offset - margins->term[r]);
        }
    }
    return SP_OK;
}

/* The rows of one frame of the output after those of another. */
static sp_status bound_frames(sp_error *err, sp_margins *margins, void *bounds) {
    const sp_domain *domain = margins->pass->domain;
    const size_t *frame = margins->frame, classes = margins->net->classes;
    sp_status status = SP_OK;
    for (size_t r = 0, count = 0; r < margins->rows && status == SP_OK; r += count) {
        const double *weight = margins->weight + r * classes;
        for (count = 1;
             r + count < margins->rows && (frame == NULL || frame[r + count] == frame[r]);) {
            count++;
        }
        if (frame != NULL) {
            domain->answer(bounds, frame[r], margins->goal ? margins->goal + r : NULL);
        }
        status = margins->line ? domain->lines(err, bounds, margins->lower + r, margins->error + r,
                                               margins->line + r, weight, count)
                               : domain->margins(err, bounds, margins->lower + r,
                                                 margins->error + r, weight, count);
    }
    return status;
}

sp_status sp_margins_bound(sp_error *err, sp_margins *margins) {
    const sp_domain *domain = margins->pass->domain;
    const sp_bound_task task = task_of(margins);
    void *bounds = NULL;
    const double start = sp_clock_wall();
    SP_TRY(sp_domain_serves_task(err, domain, &task));
    sp_status status = domain->create(err, &bounds, &task, margins->pass->options);
    const double boxed = sp_clock_wall();
    if (status == SP_OK) {
        status = bound_frames(err, margins, bounds);
    }
    if (status == SP_OK && margins->program != NULL) {
        status = bound_single(err, margins, bounds);
    }
    const double end = sp_clock_wall();
    if (status == SP_OK && margins->keep && margins->clips == 1) {
        keep(margins, bounds);
    }
    domain->destroy(bounds);
    margins->boxes_seconds = boxed - start;
    margins->rows_seconds = end - boxed;
    return status;
}

size_t sp_margins_room(const sp_net *net, const sp_front_bound *front, const sp_method_pass *pass) {
    const sp_bound_task task = {.net = net, .fronts = &front, .clips = 1};
    return pass->domain->room(&task, pass->options);
}

size_t sp_certify_group(void) {
    enum { DEVICE_GROUP = 64 };
    return sp_gpu_memory() != SIZE_MAX ? DEVICE_GROUP : 1;
}
