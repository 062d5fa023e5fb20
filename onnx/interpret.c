/* Reading a graph: what its inputs are, and the walk over it, with symbols or with numbers. */
#include <stdlib.h>
#include <string.h>

#include "onnx/impl.h"

/* The lengths of the input's axes at this walk; the other axes than that of the steps are features,
 * or a batch of 1. */
static void input_lengths(const sp_onnx_reader *r, sp_onnx_dim *dim, sp_onnx_dim steps) {
    const Onnx__TensorShapeProto *shape = r->root->features->type->tensor_type->shape;
    for (size_t i = 0; i < shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *d = shape->dim[i];
        const bool fixed = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        const bool batch = r->batch.recordings > 0 && i == r->batch.axis;
        dim[i] = i == r->steps_axis ? steps : sp_onnx_dim_of(fixed && !batch ? d->dim_value : 1);
    }
}

static sp_status no_memory_for(sp_onnx_reader *r, const char *name) {
    return sp_fail(r->err, SP_E_MEMORY, "no memory for the input '%.80s' of the graph", name);
}

/* An input beside the features as a tensor: the number that is given, the number of steps, or the
 * state, as it is now or at the start. */
static sp_status start_constant(sp_onnx_reader *r, size_t i, sp_onnx_dim steps) {
    const sp_onnx_role *role = &r->root->role[i];
    int64_t dim[SP_ONNX_MAX_RANK];
    size_t rank = 0;
    sp_onnx_value *value = sp_region_take(&r->region, 1, sizeof *value);
    if (!value || !sp_onnx_role_shape(role, dim, &rank, SP_ONNX_MAX_RANK) ||
        !sp_onnx_tensor_shape(&value->tensor, dim, rank)) {
        return no_memory_for(r, role->name);
    }
    value->kind = SP_ONNX_VALUE_TENSOR;
    value->tensor.kind = sp_onnx_role_whole(role) ? SP_ONNX_WHOLE : SP_ONNX_REAL;
    void *numbers = sp_onnx_tensor_make(r, &value->tensor);
    if (!numbers) {
        return no_memory_for(r, role->name);
    }
    for (size_t k = 0; k < value->tensor.count; k++) {
        if (value->tensor.kind == SP_ONNX_REAL) {
            ((double *)numbers)[k] = r->state && r->state[i] ? r->state[i][k] : role->value;
        } else {
            ((sp_onnx_dim *)numbers)[k] =
                role->kind == SP_ONNX_ROLE_LENGTH ? steps : sp_onnx_dim_of((int64_t)role->value);
        }
    }
    r->root_value[role->id] = value;
    return SP_OK;
}

/* A state as symbols: a layer that no node will be. */
static sp_status start_state(sp_onnx_reader *r, size_t i) {
    const sp_onnx_role *role = &r->root->role[i];
    int64_t dim[SP_ONNX_MAX_RANK];
    sp_onnx_value *value = sp_region_take(&r->region, 1, sizeof *value);
    if (!value) {
        return no_memory_for(r, role->name);
    }
    sp_onnx_sequence *state = &value->sequence;
    *state = (sp_onnx_sequence){.outer = SP_ONNX_NO_AXIS, .width = 1};
    if (!sp_onnx_role_shape(role, dim, &state->rank, SP_ONNX_MAX_RANK)) {
        return no_memory_for(r, role->name);
    }
    for (size_t k = 0; k < state->rank; k++) {
        if (dim[k] <= 0 || dim[k] > SP_ONNX_MOST_UNITS / (int64_t)state->width) {
            return sp_fail(r->err, SP_E_UNSUPPORTED, "the state '%.80s' has too many units",
                           role->name);
        }
        state->dim[k] = sp_onnx_dim_of(dim[k]);
        state->width *= (size_t)dim[k];
    }
    if (role->value != 0.0) {
        return sp_fail(r->err, SP_E_UNSUPPORTED,
                       "the state '%.80s' starts at %g: only states that start at zero are "
                       "supported",
                       role->name, role->value);
    }
    value->kind = SP_ONNX_VALUE_SEQUENCE;
    size_t layer = 0;
    SP_TRY(sp_onnx_layer_push(r,
                              (sp_onnx_layer){.kind = SP_NODE_INPUT,
                                              .role = SP_ONNX_LAYER_STATE,
                                              .input = i,
                                              .out = state->width,
                                              .once = true,
                                              .frames = sp_onnx_dim_of(1)},
                              &layer));
    r->root_value[role->id] = value;
    return sp_onnx_sequence_set(r, state, (sp_onnx_source){layer, SP_ONNX_READ_STEP, {0}});
}

/* Where the file computes one hop, states go from each hop to the next. Where it takes any number
 * of steps, a clip is one call, and its states start as they do in the first one. */
static sp_status start_others(sp_onnx_reader *r, sp_onnx_dim steps) {
    for (size_t i = 0; i < r->root->roles; i++) {
        const sp_onnx_role *role = &r->root->role[i];
        const bool state = role->kind == SP_ONNX_ROLE_STATE;
        if (role->kind == SP_ONNX_ROLE_FEATURES) {
            continue;
        }
        SP_TRY(state && r->streams ? start_state(r, i) : start_constant(r, i, steps));
    }
    return SP_OK;
}

static bool has_states(const sp_onnx_reader *r) {
    bool any = false;
    for (size_t i = 0; i < r->root->roles; i++) {
        any = any || r->root->role[i].kind == SP_ONNX_ROLE_STATE;
    }
    return any;
}

static sp_status start_sequence(sp_onnx_reader *r) {
    const size_t id = sp_onnx_graph_find(r->root, r->root->features->name);
    const bool steps = r->steps_axis != SP_ONNX_NO_AXIS;
    r->hop = steps && r->steps > 0 && has_states(r) ? r->steps : 0;
    r->streams = (!steps || r->hop > 0) && has_states(r);
    const sp_onnx_dim length = !steps         ? sp_onnx_dim_of(1)
                               : r->steps > 0 ? sp_onnx_dim_of((int64_t)r->steps)
                                              : (sp_onnx_dim){.t = 1};
    sp_onnx_value *value = sp_region_take(&r->region, 1, sizeof *value);
    if (!value) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for the input of the graph");
    }
    value->kind = SP_ONNX_VALUE_SEQUENCE;
    sp_onnx_sequence *sequence = &value->sequence;
    *sequence = (sp_onnx_sequence){.rank = r->root->features->type->tensor_type->shape->n_dim,
                                   .outer = r->steps_axis};
    input_lengths(r, sequence->dim, length);
    sequence->width = 1;
    for (size_t i = 0; i < sequence->rank; i++) {
        sequence->width *= i == sequence->outer ? 1 : (size_t)sequence->dim[i].k;
    }
    size_t layer = 0;
    SP_TRY(sp_onnx_layer_push(r,
                              (sp_onnx_layer){.kind = SP_NODE_INPUT,
                                              .out = sequence->width,
                                              .frames = length,
                                              .once = r->streams && !steps},
                              &layer));
    r->value[id] = value;
    SP_TRY(sp_onnx_sequence_set(
        r, sequence, (sp_onnx_source){layer, steps ? SP_ONNX_READ_EVERY : SP_ONNX_READ_STEP, {0}}));
    return start_others(r, length);
}

/* ---- the whole ---- */

sp_status sp_onnx_reader_init(sp_onnx_reader *r, sp_error *err, const sp_onnx_graph *root,
                              long opset, size_t budget) {
    *r = (sp_onnx_reader){.err = err,
                          .find = sp_onnx_operator_find,
                          .softmax = sp_onnx_sequence_softmax_all,
                          .root = root,
                          .opset = opset,
                          .budget = budget};
    r->root_value = calloc(root->definitions + 1, sizeof *r->root_value);
    return r->root_value ? SP_OK
                         : sp_fail(err, SP_E_MEMORY, "no memory for the values of the graph");
}

void sp_onnx_reader_clear(sp_onnx_reader *r) {
    sp_region_clear(&r->region, 0);
    free(r->root_value);
    free(r->layer);
    *r = (sp_onnx_reader){0};
}

static void restart(sp_onnx_reader *r) {
    sp_region_clear(&r->region, r->budget);
    memset(r->root_value, 0, r->root->definitions * sizeof *r->root_value);
    r->graph = r->root;
    r->value = r->root_value;
    r->work = SP_ONNX_MOST_WORK;
    r->depth = r->layers = r->furthest = 0;
    r->algebra = NULL;
    r->length = NULL;
    r->guard = NULL;
    r->lengths = 0;
    r->wants_length = false;
    r->wants_steps = 0;
    r->streams = false;
    r->hop = 0;
    r->captured = NULL;
}

sp_status sp_onnx_interpret(sp_onnx_reader *r, const sp_onnx_sequence **result) {
    *result = NULL;
    restart(r);
    SP_TRY(start_sequence(r));
    SP_TRY(sp_onnx_walk(r));
    SP_TRY(sp_onnx_results_check(r, result));
    r->furthest++;
    return SP_OK;
}

/* Number `feature` of step t of a recording: the first one is the features, others are made up of
 * them. */
static double number_of(const double *features, size_t steps, size_t width, size_t recording,
                        size_t t, size_t feature) {
    return recording == 0
               ? features[t * width + feature]
               : 0.25 * (double)recording - 0.5 * features[(steps - 1 - t) * width + feature];
}

/* On the axes of the input. */
static void lay_out(const sp_onnx_reader *r, double *numbers, const sp_onnx_tensor *to,
                    const double *features, size_t steps) {
    const size_t recordings = r->batch.recordings > 0 ? r->batch.recordings : 1;
    const size_t width = to->count / steps / recordings;
    for (size_t i = 0; i < to->count; i++) {
        size_t rest = i, t = 0, recording = 0, feature = 0, inner = 1;
        for (size_t axis = to->rank; axis-- > 0;) {
            const size_t length = (size_t)to->dim[axis], at = rest % length;
            rest /= length;
            if (axis == r->steps_axis) {
                t = at;
            } else if (recordings > 1 && axis == r->batch.axis) {
                recording = at;
            } else {
                feature += at * inner;
                inner *= length;
            }
        }
        numbers[i] = number_of(features, steps, width, recording, t, feature);
    }
}

/* Steps of features, [steps, features]. */
static sp_status start_tensor(sp_onnx_reader *r, const double *features, size_t steps) {
    const size_t rank = r->root->features->type->tensor_type->shape->n_dim;
    sp_onnx_value *value = sp_region_take(&r->region, 1, sizeof *value);
    sp_onnx_dim length[SP_ONNX_MAX_RANK];
    int64_t dim[SP_ONNX_MAX_RANK];
    input_lengths(r, length, sp_onnx_dim_of((int64_t)steps));
    for (size_t i = 0; i < rank; i++) {
        const bool batch = r->batch.recordings > 0 && i == r->batch.axis;
        dim[i] = batch ? (int64_t)r->batch.recordings : length[i].k;
    }
    if (!value || !sp_onnx_tensor_shape(&value->tensor, dim, rank)) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for %zu steps of features", steps);
    }
    value->kind = SP_ONNX_VALUE_TENSOR;
    value->tensor.kind = SP_ONNX_REAL;
    double *numbers = sp_onnx_tensor_make(r, &value->tensor);
    if (!numbers) {
        return sp_fail(r->err, SP_E_MEMORY, "no memory for %zu steps of features", steps);
    }
    lay_out(r, numbers, &value->tensor, features, steps);
    r->root_value[sp_onnx_graph_find(r->root, r->root->features->name)] = value;
    for (size_t i = 0; i < r->root->roles; i++) {
        if (r->root->role[i].kind != SP_ONNX_ROLE_FEATURES) {
            SP_TRY(start_constant(r, i, sp_onnx_dim_of((int64_t)steps)));
        }
    }
    return SP_OK;
}

sp_status sp_onnx_evaluate(sp_onnx_reader *r, const double *features, size_t steps) {
    restart(r);
    SP_TRY(start_tensor(r, features, steps));
    return sp_onnx_walk(r);
}

sp_status sp_onnx_evaluated(sp_onnx_reader *r, const sp_onnx_tensor **result,
                            sp_onnx_defined place) {
    const sp_onnx_value *value = r->captured;
    SP_TRY(place.graph == r->root ? sp_onnx_value_load(r, &value, place.id) : SP_OK);
    if (!value || value->kind != SP_ONNX_VALUE_TENSOR || value->tensor.kind != SP_ONNX_REAL) {
        return sp_fail(r->err, SP_E_UNSUPPORTED, "'%.80s' of the file's own graph is not real",
                       place.graph->definition[place.id].name);
    }
    *result = &value->tensor;
    return SP_OK;
}
