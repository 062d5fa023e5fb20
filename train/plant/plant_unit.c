/* Units of the last hidden layer that see one corner of a box: a random direction of what the layer
 * reads, above a threshold that only inputs near that corner reach. There a unit turns the answer;
 * everywhere else it is 0, and so is its slope. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "train/plant/plant.h"

enum { CORNERS = 256 /* at random, that the threshold is above */, TRIES = 32 /* directions */ };
#define NEAREST 0.98 /* planted moves are this share of the radius at least, and below all of it */
#define DEEPER 1.5   /* units are made for so much more than the depth, which rounding keeps */

/* A float within the radius of a centre, which is a float too. */
static double moved(const sp_plant *plant, double centre, double share) {
    return (double)(float)(centre + share * plant->radius);
}

/* What the last hidden layer reads, as a network of its own, with a direction of it; the batch has
 * corners of a box. */
typedef struct sight {
    sp_net below;
    sp_train_runner corners;
    double *direction; /* [width of what is read] owned */
    double *share;     /* [n] the moves that see it best so far, -1 or 1; owned */
} sight;

static sp_status open_below(sp_error *err, sight *s, const sp_net *net) {
    SP_TRY(sp_net_init(err, &s->below, net->features));
    for (size_t m = 1; m + 3 < net->nodes; m++) {
        SP_TRY(sp_net_append(err, &s->below, &net->node[m], NULL));
    }
    return SP_OK;
}

/* Of random corners of the box, or of one corner: direction . z, the largest. */
static double look_at_corners(sight *s, const sp_train_planting *w, size_t number,
                              sp_random *random) {
    sp_train_runner *r = &s->corners;
    const size_t width = s->below.classes;
    double most = -INFINITY;
    for (size_t i = 0; i < CORNERS; i++) {
        for (size_t k = 0; k < w->n; k++) {
            const double side = random ? sp_random_sign(random) < 0.0 ? -1.0 : 1.0 : s->share[k];
            *sp_train_runner_number(r->batch.x, r, i, k) =
                w->planted->instance[number].centre[k] + side * w->plant->radius;
        }
    }
    const double *z = sp_train_pass_forward(&r->pass, r->batch.x);
    for (size_t i = 0; i < CORNERS; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < width; j++) {
            sum += s->direction[j] * z[i * width + j];
            r->slope[i * width + j] = s->direction[j];
        }
        most = fmax(most, sum);
    }
    return most;
}

/* Goes from corner to corner along the signs of the slopes; returns direction . z there. */
static double climb_to_corner(sight *s, const sp_train_planting *w, size_t number,
                              sp_random *random) {
    double most = -INFINITY;
    for (size_t k = 0; k < w->n; k++) {
        s->share[k] = sp_random_sign(random) < 0.0 ? -1.0 : 1.0;
    }
    for (size_t step = 0; step < SP_TRAIN_PLANT_STEPS; step++) {
        const double here = look_at_corners(s, w, number, NULL);
        if (!(here > most)) {
            break; // where it was better is kept
        }
        most = here;
        for (size_t k = 0; k < w->n; k++) {
            w->planted->instance[number].input[k] = s->share[k];
        }
        sp_train_pass_backward(&s->corners.pass, s->corners.batch.x, s->corners.slope, NULL, true);
        for (size_t k = 0; k < w->n; k++) {
            const double slope =
                *sp_train_runner_number(s->corners.pass.input_slope, &s->corners, 0, k);
            s->share[k] = slope > 0.0 ? 1.0 : slope < 0.0 ? -1.0 : s->share[k];
        }
    }
    return most;
}

/* What unit `number` of the last hidden layer adds to one logit and takes from another. */
static void set_turn(const sp_train_planting *w, size_t number, double turn) {
    const sp_net *net = w->net;
    const sp_node *last = &net->node[net->nodes - 1];
    const size_t width = net->node[net->nodes - 3].width;
    const sp_planted_instance *at = &w->planted->instance[number];
    for (size_t k = 0; k < net->classes; k++) {
        last->term[0].weight[k * width + number] = (double)(float)(k == at->target  ? turn
                                                                   : k == at->label ? -turn
                                                                                    : 0.0);
    }
}

void sp_train_plant_reserve(const sp_train_planting *w) {
    const sp_node *hidden = &w->net->node[w->net->nodes - 3];
    const size_t N = w->plant->instances, in = hidden->term[0].in;
    memset(hidden->term[0].weight, 0, N * in * sizeof(double));
    memset(hidden->bias, 0, N * sizeof(double));
    for (size_t i = 0; i < N; i++) {
        set_turn(w, i, 0.0);
    }
}

/* Unit `number` is about 1 at the corner, and 0 up to the threshold. */
static void set_unit(const sight *s, const sp_train_planting *w, size_t number, double threshold,
                     double highest) {
    const sp_node *hidden = &w->net->node[w->net->nodes - 3];
    const double scale = 1.0 / (highest - threshold);
    for (size_t j = 0; j < s->below.classes; j++) {
        hidden->term[0].weight[number * s->below.classes + j] =
            (double)(float)(scale * s->direction[j]);
    }
    hidden->bias[number] = (double)(float)(-scale * threshold);
}

/* Of the planted input, by the path that everything else goes. */
static sp_status measure_depth(sp_error *err, const sp_train_planting *w, size_t number,
                               double *logits) {
    sp_planted_instance *at = &w->planted->instance[number];
    SP_TRY(sp_net_run(err, w->net, logits, at->input, w->plant->steps));
    at->depth = logits[at->target] - logits[at->label];
    return SP_OK;
}

/* The turn that makes the answer at the planted input just wrong. */
static sp_status turn_answer(sp_error *err, const sp_train_planting *w, size_t number,
                             double *logits) {
    sp_planted_instance *at = &w->planted->instance[number];
    set_turn(w, number, 0.0);
    SP_TRY(measure_depth(err, w, number, logits));
    const double before = at->depth;
    set_turn(w, number, 1.0);
    SP_TRY(measure_depth(err, w, number, logits));
    const double turn = (DEEPER * w->plant->depth - before) / (at->depth - before);
    set_turn(w, number, isfinite(turn) && turn > 0.0 ? turn : 0.0);
    return measure_depth(err, w, number, logits);
}

/* Whether the inputs that were planted before this one are as deep as they are to be. */
static sp_status are_deep(sp_error *err, const sp_train_planting *w, size_t count, double *logits,
                          bool *deep) {
    *deep = true;
    for (size_t i = 0; i < count; i++) {
        const sp_planted_instance *at = &w->planted->instance[i];
        if (at->planted) {
            SP_TRY(measure_depth(err, w, i, logits));
            *deep = *deep && at->depth >= w->plant->depth;
        }
    }
    return SP_OK;
}

/* One direction: planted, unless the judges find a wrong answer now. */
static sp_status try_unit(sp_error *err, sight *s, sp_train_planting *w, size_t number, size_t try,
                          double *logits) {
    sp_random random = sp_train_stream(w->plant->seed, SP_TRAIN_STREAM_PLANT, number, 1 + try);
    sp_planted_instance *at = &w->planted->instance[number];
    for (size_t j = 0; j < s->below.classes; j++) {
        s->direction[j] = sp_random_sign(&random);
    }
    const double usual = look_at_corners(s, w, number, &random);
    const double highest = climb_to_corner(s, w, number, &random);
    if (!(highest > usual)) {
        return SP_OK;
    }
    for (size_t k = 0; k < w->n; k++) {
        const double share = NEAREST + (0.999 - NEAREST) * sp_random_unit(&random);
        at->input[k] = moved(w->plant, at->centre[k], at->input[k] * share);
    }
    set_unit(s, w, number, 0.5 * (usual + highest), highest);
    SP_TRY(turn_answer(err, w, number, logits));
    bool deep = false;
    SP_TRY(are_deep(err, w, number, logits, &deep));
    at->planted = deep && at->depth >= w->plant->depth && sp_train_plant_is_safe(w);
    return SP_OK;
}

static sp_status plant_unit(sp_error *err, sight *s, sp_train_planting *w, size_t number) {
    double *logits = calloc(w->net->classes, sizeof *logits);
    sp_status status = logits ? SP_OK : sp_fail(err, SP_E_MEMORY, "no memory for logits");
    for (size_t t = 0; t < TRIES && status == SP_OK && !w->planted->instance[number].planted; t++) {
        status = try_unit(err, s, w, number, t, logits);
        if (status == SP_OK && sp_clock_stopped()) {
            status = sp_fail(err, SP_E_TIMEOUT, "interrupted at instance %zu", number);
        }
    }
    if (!w->planted->instance[number].planted) {
        set_turn(w, number, 0.0);
    }
    bool deep = false;
    status = status == SP_OK ? are_deep(err, w, number, logits, &deep) : status;
    free(logits);
    return status;
}

sp_status sp_train_plant_units(sp_error *err, sp_train_planting *w) {
    sight s = {0};
    sp_train_planting below = *w; // the net aside
    sp_status status = open_below(err, &s, w->net);
    below.net = &s.below;
    s.direction = calloc(s.below.classes + 1, sizeof *s.direction);
    s.share = calloc(w->n, sizeof *s.share);
    if (status == SP_OK && (!s.direction || !s.share)) {
        status = sp_fail(err, SP_E_MEMORY, "no memory for a direction");
    }
    status = status == SP_OK ? sp_train_runner_open(err, &s.corners, &below, CORNERS) : status;
    for (size_t i = 0; i < w->plant->instances && status == SP_OK; i++) {
        status = plant_unit(err, &s, w, i);
    }
    sp_train_runner_close(&s.corners);
    sp_net_clear(&s.below);
    free(s.direction);
    free(s.share);
    return status;
}
