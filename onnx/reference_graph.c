/* The file's own graph, evaluated operator by operator, and the comparison of the net with it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

static const double largest_difference = 1e-5; // relative to outputs above 1

void sp_onnx_reference_destroy(sp_onnx_reference *reference) {
    if (reference) {
        sp_onnx_graph_clear(&reference->graph);
        if (reference->proto) {
            onnx__model_proto__free_unpacked(reference->proto, NULL);
        }
        free(reference);
    }
}

/* O numbers [rows, classes]; of a hop one row. */
static sp_status copy_result(sp_onnx_reader *r, double *numbers, sp_onnx_defined place,
                             const sp_onnx_reference *of, size_t rows, size_t classes) {
    const sp_onnx_part_of *chosen = &of->chosen;
    const sp_onnx_tensor *result = NULL;
    const bool every = chosen->every && !of->streams;
    size_t steps = 1, at = 0, inner = 1;
    SP_TRY(sp_onnx_evaluated(r, &result, place));
    if ((chosen->step || every) && chosen->axis < result->rank) {
        steps = (size_t)result->dim[chosen->axis];
        at = every ? 0 : chosen->at < 0 ? steps - 1 : (size_t)chosen->at;
        for (size_t i = chosen->axis + 1; i < result->rank; i++) {
            inner *= (size_t)result->dim[i];
        }
    }
    const size_t recordings = r->batch.recordings > 0 ? r->batch.recordings : 1;
    if (recordings > 1 && (result->rank == 0 || result->dim[0] != (int64_t)recordings)) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "its outputs do not have the %zu recordings of its input along axis 0: "
                       "export the same weights with batch size 1, which changes no answer to one "
                       "clip",
                       recordings);
    }
    // of several recordings the first one
    const size_t count = steps > 0 ? result->count / steps / recordings : 0;
    const size_t first = chosen->number ? chosen->index : 0;
    if (at >= steps || (every && rows != steps) ||
        (chosen->number ? first >= count : count != classes)) {
        return sp_fail(r->err, SP_E_MISMATCH,
                       "the file's own graph gives %zu numbers, the network %zu", result->count,
                       rows * classes);
    }
    for (size_t k = 0; k < rows * classes; k++) {
        const size_t i = first + k % classes, t = at + k / classes;
        numbers[k] = result->real[(i / inner * steps + t) * inner + i % inner];
        if (!isfinite(numbers[k])) {
            return sp_fail(r->err, SP_E_NONFINITE, "output %zu of the file's own graph is %g", k,
                           numbers[k]);
        }
    }
    return SP_OK;
}

/* The states after a hop; state [SP_ONNX_MOST_STATES] by the graph's roles. */
static sp_status keep_states(sp_onnx_reader *r, double **state) {
    for (size_t i = 0; i < r->root->roles; i++) {
        const sp_onnx_tensor *after = NULL;
        if (r->root->role[i].kind != SP_ONNX_ROLE_STATE) {
            continue;
        }
        SP_TRY(sp_onnx_evaluated(r, &after, (sp_onnx_defined){r->root, r->root->role[i].after}));
        int64_t dim[SP_ONNX_MAX_RANK];
        size_t rank = 0, count = 1;
        (void)sp_onnx_role_shape(&r->root->role[i], dim, &rank, SP_ONNX_MAX_RANK);
        for (size_t k = 0; k < rank; k++) {
            count *= (size_t)dim[k];
        }
        state[i] = state[i] ? state[i] : calloc(count + 1, sizeof **state);
        if (!state[i] || after->count != count) {
            return sp_fail(r->err, SP_E_MISMATCH, "the state '%.80s' changes its shape",
                           r->root->role[i].name);
        }
        memcpy(state[i], after->real, count * sizeof **state);
    }
    return SP_OK;
}

/* The answers of what was evaluated last. */
static sp_status copy_results(sp_onnx_reader *r, const sp_model *model, double *logits,
                              double *output, size_t rows) {
    const sp_onnx_reference *of = model->reference;
    const size_t classes = model->net.classes;
    SP_TRY(copy_result(r, logits, of->logits, of, rows, classes));
    return output ? copy_result(r, output, (sp_onnx_defined){r->root, r->root->result[0]}, of, rows,
                                classes)
                  : SP_OK;
}

static sp_status evaluate(sp_onnx_reader *r, const sp_model *model, double *logits, double *output,
                          const double *features, size_t steps) {
    const bool streams = model->reference->streams, all = streams && model->net.every;
    const size_t classes = model->net.classes, hop = sp_net_hop(&model->net);
    const size_t hops = streams ? steps / hop : 1, rest = streams ? hop : steps;
    double *state[SP_ONNX_MOST_STATES] = {NULL};
    sp_status status = SP_OK;
    r->steps_axis = model->reference->steps_axis;
    r->batch = model->reference->batch;
    r->wanted = model->reference->logits;
    if (hops == 0) {
        return sp_fail(r->err, SP_E_MISMATCH, "%zu steps are no whole hop, which has %zu", steps,
                       hop);
    }
    for (size_t i = 0; status == SP_OK && i < hops; i++) {
        const size_t before = all ? i * classes : 0;
        status = sp_onnx_evaluate(r, features + i * hop * model->net.features, rest);
        if (status == SP_OK && (all || i + 1 == hops)) {
            status = copy_results(r, model, logits + before, output ? output + before : NULL,
                                  all ? 1 : sp_net_rows(&model->net, 0, steps));
        }
        if (status == SP_OK && i + 1 < hops) {
            status = keep_states(r, state);
        }
        r->state = state;
    }
    for (size_t i = 0; i < SP_ONNX_MOST_STATES; i++) {
        free(state[i]);
    }
    return status;
}

sp_status sp_model_evaluate(sp_error *err, const sp_model *model, double *logits, double *output,
                            const double *features, size_t steps) {
    const sp_net *net = &model->net;
    if (steps == 0 || (net->steps != 0 && steps != net->steps)) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the file's own graph takes another number of steps of features than %zu",
                       steps);
    }
    sp_onnx_reader r = {0};
    const size_t numbers =
        steps > SIZE_MAX / 64 / net->features ? SIZE_MAX / 64 : steps * net->features;
    // Beside what the file may take: the features, in several arrangements.
    sp_status status =
        sp_onnx_reader_init(&r, err, &model->reference->graph, model->reference->opset,
                            model->reference->budget + 64 * numbers);
    status = status == SP_OK ? evaluate(&r, model, logits, output, features, steps) : status;
    sp_onnx_reader_clear(&r);
    return status;
}

/* ---- the comparison ---- */

/* What the file's head makes of the logits. */
static void apply_head(const sp_model *model, double *values) {
    const sp_net *net = &model->net;
    const sp_onnx_head head = model->reference->head;
    double sum = 0.0, most = values[0];
    for (size_t k = 0; k < net->classes; k++) {
        most = fmax(most, values[k]);
    }
    for (size_t k = 0; k < net->classes; k++) {
        sum += exp(values[k] - most);
    }
    for (size_t k = 0; k < net->classes; k++) {
        values[k] = head == SP_ONNX_HEAD_SIGMOID       ? 1.0 / (1.0 + exp(-values[k]))
                    : head == SP_ONNX_HEAD_SOFTMAX     ? exp(values[k] - most) / sum
                    : head == SP_ONNX_HEAD_LOG_SOFTMAX ? values[k] - most - log(sum)
                                                       : values[k];
    }
}

/* sp_onnx_probe - one input for the comparison: numbers uniform in -size .. size. */
typedef struct sp_onnx_probe {
    size_t steps;
    double size;
} sp_onnx_probe;

static uint64_t next_random(uint64_t *state) { // xorshift64*, as fixed as the probes
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static sp_status compare_numbers(sp_error *err, double *agreement, const char *what,
                                 const double *ours, const double *theirs, size_t count) {
    for (size_t k = 0; k < count; k++) {
        const double difference = fabs(ours[k] - theirs[k]) / fmax(1.0, fabs(theirs[k]));
        if (!(difference <= largest_difference)) {
            return sp_fail(err, SP_E_UNSUPPORTED,
                           "on a probe input the network that was read gives %.9g for %s %zu, the "
                           "file's own graph %.9g: this graph cannot be read soundly",
                           ours[k], what, k, theirs[k]);
        }
        *agreement = fmax(*agreement, difference);
    }
    return SP_OK;
}

/* Compares on one input; `scratch` [3 rows, classes]. */
static sp_status compare(sp_error *err, sp_model *model, double *scratch, const double *features,
                         size_t steps, bool *compared) {
    const sp_net *net = &model->net;
    const size_t rows = sp_net_rows(net, 0, steps), count = rows * net->classes;
    double *ours = scratch, *logits = ours + count, *output = logits + count;
    sp_error why = {0};
    const sp_status status = sp_net_run_rows(&why, net, ours, features, steps);
    *compared = status == SP_OK;
    if (status == SP_E_NONFINITE) { // of no use for comparing
        return SP_OK;
    }
    if (status != SP_OK) {
        return sp_fail(err, status, "%s", why.text);
    }
    SP_TRY(sp_model_evaluate(err, model, logits, output, features, steps));
    SP_TRY(compare_numbers(err, &model->agreement, "logit", ours, logits, count));
    for (size_t t = 0; t < rows; t++) {
        apply_head(model, ours + t * net->classes);
    }
    return compare_numbers(err, &model->agreement, "output", ours, output, count);
}

/* Compares on all probes; each input is drawn anew. */
static sp_status compare_all(sp_error *err, sp_model *model, double *features, double *scratch,
                             const sp_onnx_probe *probe, size_t count) {
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        bool compared = false;
        if (sp_net_frames(&model->net, 0, model->net.nodes - 1, probe[i].steps) == 0) {
            continue; // too few steps for it
        }
        for (size_t k = 0; k < probe[i].steps * model->net.features; k++) {
            const double unit = (double)(next_random(&state) >> 11) * 0x1p-52 - 1.0;
            features[k] = (double)(float)(unit * probe[i].size);
        }
        SP_TRY(compare(err, model, scratch, features, probe[i].steps, &compared));
        any = any || compared;
    }
    return any ? SP_OK
               : sp_fail(err, SP_E_NONFINITE,
                         "the network overflows on every input on which it was tried");
}

/* The smallest number of steps that has an answer; 1 where none is found. */
static size_t least_steps(const sp_net *net) {
    enum { MOST = 1 << 20 };
    size_t low = 0, high = 1; // too few, enough
    while (high <= MOST && sp_net_frames(net, 0, net->nodes - 1, high) == 0) {
        low = high;
        high *= 2;
    }
    if (high > MOST) {
        return 1;
    }
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        const bool enough = sp_net_frames(net, 0, net->nodes - 1, middle) > 0;
        low = enough ? low : middle;
        high = enough ? middle : high;
    }
    return high;
}

sp_status sp_model_check(sp_error *err, sp_model *model) {
    static const double sizes[] = {1.0, 10.0, 0.1, 30.0, 0.0, 3.0};
    static const size_t lengths[] = {7, 1, 2, 13, 3, 5};
    enum { PROBES = sizeof sizes / sizeof *sizes };
    const sp_net *net = &model->net;
    sp_onnx_probe probe[PROBES];
    const sp_onnx_part_of *chosen = &model->reference->chosen;
    const size_t behind = chosen->step && chosen->at > 0 ? (size_t)chosen->at : 0;
    const size_t hop = sp_net_hop(net);
    const bool any = net->steps == 0 && hop == 1 && !model->streams;
    const size_t least = any ? least_steps(net) : 1, apart = 1 + least / 16;
    size_t longest = 0, count = PROBES;
    for (size_t i = 0; i < count; i++) {
        const size_t length = (apart * (lengths[i] - 1) + 1) * hop + i % hop + least - 1 +
                              (model->streams ? 0 : behind);
        probe[i] = (sp_onnx_probe){net->steps > 0 ? net->steps : length, sizes[i]};
        longest = probe[i].steps > longest ? probe[i].steps : longest;
    }
    if (longest > ((size_t)1 << 24) / (net->features + 1)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "%zu steps of %zu features are too many to compare the network with the "
                       "file's own graph",
                       longest, net->features);
    }
    // A few seconds at most: each weight works once per step.
    const double cost = (double)longest * (double)(model->parameters + 1);
    while (count > 1 && cost * (double)count > 1e9) {
        count--;
    }
    double *features = calloc(longest * net->features, sizeof *features);
    double *scratch = calloc(3 * sp_net_rows(net, 0, longest) * net->classes, sizeof *scratch);
    const sp_status status =
        features && scratch
            ? compare_all(err, model, features, scratch, probe, count)
            : sp_fail(err, SP_E_MEMORY, "no memory for comparing the network with its file");
    free(features);
    free(scratch);
    return status;
}
