/* From a query and a network to an answer. */
#include "certify/verify/verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "certify/verify/verify_search.h"

const char *sp_verify_name(sp_verify_kind kind) {
    static const char *const names[] = {"sat", "unsat", "unknown", "timeout"};
    return names[kind];
}

void sp_verify_answer_clear(sp_verify_answer *answer) {
    free(answer->input);
    free(answer->output);
    *answer = (sp_verify_answer){0};
}

/* ---- whether they fit ---- */

sp_status sp_verify_fits(sp_error *err, const sp_vnnlib *query, const sp_model *model) {
    const sp_net *net = &model->net;
    const size_t n = query->input.size, steps = n / net->features;
    if (model->recordings > 0 || model->inputs[0] != '\0') {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the network takes %s: queries about one input, of one recording, are "
                       "verified",
                       model->recordings > 0 ? "several recordings at once" : "several inputs");
    }
    if (n % net->features != 0 || (net->steps > 0 && steps != net->steps)) {
        return sp_fail(err, SP_E_MISMATCH,
                       net->steps > 0 ? "the query has %zu inputs, the network %zu x %zu"
                                      : "the query has %zu inputs, the network rows of %zu",
                       n, net->steps > 0 ? net->steps : net->features, net->features);
    }
    if (query->output.size != net->classes) {
        return sp_fail(err, SP_E_MISMATCH, "the query has %zu outputs, the network %zu",
                       query->output.size, net->classes);
    }
    if (sp_net_frames(net, 0, net->nodes - 1, steps) != 1) {
        return sp_fail(err, SP_E_MISMATCH, "%zu steps are too few for the network", steps);
    }
    return SP_OK;
}

/* ---- preparation ---- */

typedef struct verification {
    const sp_vnnlib *query; /* within head */
    sp_verify_head head;
    const sp_net *net; /* that of the model, or of head */
    const sp_model *model;
    const sp_verify_options *options;
    sp_verify_answer *answer;
    sp_front *front;
    sp_pipeline pipeline;
    size_t *place; /* [n] owned */
    double deadline;
} verification;

/* Numbers of one step stand behind the axis of the steps, or before it. */
static void fill_places(verification *v) {
    const size_t n = v->query->input.size, D = v->model->net.features, inner = v->model->inner;
    const size_t steps = n / D;
    for (size_t i = 0; i < n; i++) {
        const size_t before = i / inner / steps, t = i / inner % steps;
        v->place[i] = v->model->steps_axis < 0 ? i : t * D + before * inner + i % inner;
    }
}

/* A network that hears samples may begin with band energies, which have bounds of their own. */
static sp_status open_samples(sp_error *err, verification *v, const sp_method *method) {
    static const char text[] = "{\"sample_rate\": 16000, \"scale\": \"unit\", \"samples\": {}}";
    SP_TRY(sp_front_parse(err, &v->front, text, sizeof text - 1, "samples"));
    const sp_status status =
        sp_pipeline_init(err, &v->pipeline, v->net, v->front, method, method->front);
    if (status != SP_OK) {
        sp_front_destroy(v->front);
        v->front = NULL;
    }
    return status;
}

static sp_status open_pipeline(sp_error *err, verification *v) {
    const sp_method *method = sp_method_find("opt");
    sp_error why = {0};
    if (v->model->net.features == 1 && v->query->input.size > 1 &&
        open_samples(&why, v, method) == SP_OK) {
        return SP_OK;
    }
    SP_TRY(sp_front_sequence(err, &v->front, v->model->net.features));
    return sp_pipeline_init(err, &v->pipeline, v->net, v->front, method, method->front);
}

/* The inputs of a query in single precision are floats: nothing rounds them. */
static sp_status take_arithmetic(sp_error *err, verification *v) {
    if (v->options->arithmetic == SP_ARITHMETIC_FLOAT32) {
        SP_TRY(sp_pipeline_single(err, &v->pipeline, v->model, SP_ARITHMETIC_FLOAT32));
        v->pipeline.program.feature = 0.0;
        v->pipeline.program.feature_least = 0.0;
    }
    return SP_OK;
}

static sp_status prepare(sp_error *err, verification *v) {
    SP_TRY(sp_arithmetic_check(err));
    SP_TRY(sp_verify_fits(err, v->query, v->model));
    SP_TRY(sp_verify_head_init(err, &v->head, v->query, v->model, v->options->arithmetic));
    v->query = &v->head.query;
    v->net = v->head.opened ? &v->head.net : &v->model->net;
    v->place = malloc(v->query->input.size * sizeof *v->place);
    if (v->place == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu inputs", v->query->input.size);
    }
    fill_places(v);
    SP_TRY(open_pipeline(err, v));
    return take_arithmetic(err, v);
}

/* ---- the answer ---- */

/* Largest difference between the network and the file's own graph at a witness, relative to the
 * largest output. */
#define AGREEMENT 1e-6

/* The witness, and what the file's own graph makes of it. */
static sp_status take_witness(sp_error *err, const verification *v, const sp_verify_part *part,
                              const double *x) {
    const size_t n = part->n, C = part->classes, D = v->model->net.features;
    sp_verify_answer *answer = v->answer;
    double *sequence = malloc((n + 2 * C) * sizeof *sequence);
    answer->input = malloc(n * sizeof *answer->input);
    answer->output = malloc(C * sizeof *answer->output);
    if (!sequence || !answer->input || !answer->output) {
        free(sequence);
        return sp_fail(err, SP_E_MEMORY, "out of memory for a witness");
    }
    double *y = sequence + n, *logits = y + C, largest = 1.0, apart = 0.0;
    for (size_t i = 0; i < n; i++) {
        sequence[part->place[i]] = answer->input[i] = x[i];
    }
    sp_status status = sp_verify_outputs(err, part, y, x);
    if (status == SP_OK) {
        status = sp_model_evaluate(err, v->model, logits, answer->output, sequence, n / D);
    }
    const double *theirs = v->head.opened ? answer->output : logits;
    for (size_t k = 0; k < C && status == SP_OK; k++) {
        largest = fmax(largest, fabs(theirs[k]));
        apart = fmax(apart, fabs(theirs[k] - y[k]));
    }
    if (status == SP_OK && !(apart <= AGREEMENT * largest)) {
        status = sp_fail(err, SP_E_CONTRADICTION,
                         "internal contradiction: at a witness the network and the file's own "
                         "graph differ by %.3g. No answer is given; please report this model",
                         apart);
    }
    free(sequence);
    return status;
}

enum { SHORT = 10 }; /* steps */

/* A short attack, the quickest bounds, and the whole attack if these settle nothing: whichever
 * answer is easy comes soon. */
static sp_status search_first(sp_error *err, const verification *v, const sp_verify_part *part,
                              double *x, bool *found, bool *settled) {
    const sp_verify_options *o = v->options;
    const size_t steps = o->steps > 0 ? o->steps : SP_VERIFY_STEPS;
    *settled = false;
    SP_TRY(sp_verify_attack(err, part, x, found, steps < SHORT ? steps : SHORT, 1));
    if (!*found) {
        SP_TRY(sp_verify_settle(err, part, settled));
        v->answer->boxes++;
    }
    return *found || *settled ? SP_OK
                              : sp_verify_attack(err, part, x, found, steps,
                                                 o->starts > 0 ? o->starts : SP_VERIFY_STARTS);
}

static sp_status search_part(sp_error *err, const verification *v, sp_verify_part *part) {
    bool found = false, settled = false;
    double *x = malloc(part->n * sizeof *x);
    if (x == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu inputs", part->n);
    }
    sp_status status = sp_verify_part_init(err, part);
    if (status == SP_OK) {
        status = search_first(err, v, part, x, &found, &settled);
    }
    if (status == SP_OK && (found || settled)) {
        v->answer->kind = found ? SP_VERIFY_SAT : SP_VERIFY_UNSAT;
        v->answer->volume += settled ? 1.0 : 0.0;
    } else if (status == SP_OK) {
        status = sp_verify_branch(err, part, x, v->answer);
    }
    if (status == SP_OK && v->answer->kind == SP_VERIFY_SAT) {
        status = take_witness(err, v, part, x);
    }
    sp_verify_part_clear(part);
    free(x);
    return status;
}

/* Part by part: a witness of one ends it, unknown ones do not. */
static sp_status search_all(sp_error *err, const verification *v) {
    sp_verify_answer *answer = v->answer;
    char reason[sizeof answer->reason] = "";
    bool unknown = false;
    for (size_t k = 0; k < v->query->parts; k++) {
        sp_verify_part part = {.query = v->query,
                               .inputs = &v->query->part[k],
                               .model = v->model,
                               .pipeline = &v->pipeline,
                               .options = v->options,
                               .place = v->place,
                               .n = v->query->input.size,
                               .deadline = v->deadline};
        SP_TRY(search_part(err, v, &part));
        if (answer->kind == SP_VERIFY_SAT) {
            return SP_OK;
        }
        if (answer->kind == SP_VERIFY_UNKNOWN && !unknown) {
            unknown = true;
            memcpy(reason, answer->reason, sizeof reason);
        }
    }
    answer->kind = unknown ? SP_VERIFY_UNKNOWN : SP_VERIFY_UNSAT;
    memcpy(answer->reason, reason, sizeof reason);
    return SP_OK;
}

static void time_out(const verification *v, const sp_error *err) {
    sp_verify_answer *answer = v->answer;
    answer->kind = SP_VERIFY_TIMEOUT;
    if (sp_clock_stopped()) {
        snprintf(answer->reason, sizeof answer->reason, "interrupted");
    } else {
        snprintf(answer->reason, sizeof answer->reason, "no answer within %g s: %.300s",
                 v->options->timeout, err->text);
    }
}

sp_status sp_verify_query(sp_error *err, sp_verify_answer *answer, const sp_vnnlib *query,
                          const sp_model *model, const sp_verify_options *options) {
    const double start = sp_clock_wall(), timeout = options->timeout;
    sp_error local = {0};
    verification v = {.query = query,
                      .model = model,
                      .options = options,
                      .answer = answer,
                      .deadline = timeout > 0.0 ? start + timeout : 0.0};
    *answer = (sp_verify_answer){.kind = SP_VERIFY_UNKNOWN};
    sp_status status = prepare(&local, &v);
    if (status == SP_OK) {
        status = search_all(&local, &v);
    }
    if (status == SP_E_TIMEOUT) {
        time_out(&v, &local);
        status = SP_OK;
    }
    sp_pipeline_clear(&v.pipeline);
    sp_front_destroy(v.front);
    sp_verify_head_clear(&v.head);
    free(v.place);
    answer->seconds = sp_clock_wall() - start;
    if (status != SP_OK) {
        sp_verify_answer_clear(answer);
        answer->kind = SP_VERIFY_UNKNOWN;
        if (err != NULL) {
            *err = local;
        }
    }
    return status;
}
