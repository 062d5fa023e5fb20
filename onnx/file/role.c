/* What the inputs of a graph are: its features, states of a streaming model, numbers that are the
 * same in every call. */
#include "onnx/file/role.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "onnx/impl.h"

static bool is_fixed(const Onnx__TensorShapeProto__Dimension *dim) {
    return dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
}

static const Onnx__TypeProto__Tensor *tensor_of(const Onnx__ValueInfoProto *value) {
    return value->type && value->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
               ? value->type->tensor_type
               : NULL;
}

static int32_t type_of(const Onnx__ValueInfoProto *value) {
    const Onnx__TypeProto__Tensor *tensor = tensor_of(value);
    return tensor ? tensor->elem_type : 0;
}

bool sp_onnx_role_whole(const sp_onnx_role *role) {
    const int32_t type = type_of(role->proto);
    return type == ONNX__TENSOR_PROTO__DATA_TYPE__INT32 ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64 ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
}

bool sp_onnx_role_shape(const sp_onnx_role *role, int64_t *dim, size_t *rank, size_t most) {
    const Onnx__TypeProto__Tensor *tensor = tensor_of(role->proto);
    *rank = tensor && tensor->shape ? tensor->shape->n_dim : 0;
    for (size_t i = 0; i < *rank && i < most; i++) {
        dim[i] = is_fixed(tensor->shape->dim[i]) ? tensor->shape->dim[i]->dim_value : 1;
    }
    return *rank <= most;
}

/* ---- what the choice gives ---- */

static const sp_model_input *find_given(const sp_model_choice *choice, const char *name) {
    for (size_t i = 0; i < choice->inputs; i++) {
        if (strcmp(choice->input[i].name, name) == 0) {
            return &choice->input[i];
        }
    }
    return NULL;
}

/* Lengths such as 1x576. */
static bool parse_lengths(const char *text, int64_t *length, size_t *count, size_t most) {
    *count = 0;
    for (const char *at = text;; at++) {
        char *end = NULL;
        errno = 0;
        const long long value = isdigit((unsigned char)*at) ? strtoll(at, &end, 10) : 0;
        if (value <= 0 || value > INT32_MAX || errno != 0 || *count == most) {
            return false;
        }
        length[(*count)++] = value;
        at = end;
        if (*at == '\0') {
            return *count > 1;
        }
        if (*at != 'x') {
            return false;
        }
    }
}

/* The lengths of the axes, written into the message. */
static sp_status set_lengths(sp_error *err, const sp_onnx_role *role, const int64_t *length,
                             size_t count) {
    const Onnx__TypeProto__Tensor *tensor = tensor_of(role->proto);
    const size_t axes = tensor && tensor->shape ? tensor->shape->n_dim : 0;
    if (axes != count) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "--input gives '%.60s' %zu lengths, but it has %zu axes", role->name, count,
                       axes);
    }
    for (size_t i = 0; i < count; i++) {
        Onnx__TensorShapeProto__Dimension *dim = tensor->shape->dim[i];
        if (is_fixed(dim) && dim->dim_value != length[i]) {
            return sp_fail(err, SP_E_UNSUPPORTED,
                           "--input gives '%.60s' the length %" PRId64
                           " along axis %zu, but the file fixes it as %" PRId64,
                           role->name, length[i], i, dim->dim_value);
        }
        if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM) {
            free(dim->dim_param);
        }
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim->dim_value = length[i];
    }
    return SP_OK;
}

static sp_status parse_number(sp_error *err, sp_onnx_role *role, const char *text) {
    char *end = NULL;
    errno = 0;
    const double value = strtod(text, &end);
    const bool whole = sp_onnx_role_whole(role);
    if (end == text || *end != '\0' || !isfinite(value) ||
        (whole && (value != trunc(value) || fabs(value) > 0x1p53))) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "--input %.60s=%.60s: its elements are %s, so a number is needed, or lengths "
            "of its axes such as 1x512",
            role->name, text, whole ? "whole numbers" : "real numbers");
    }
    role->value = value;
    return SP_OK;
}

/* *given: the role is settled. */
static sp_status take_given(sp_error *err, sp_onnx_role *role, const char *text, bool *given) {
    int64_t length[SP_ONNX_MAX_RANK];
    size_t count = 0;
    *given = false;
    if (parse_lengths(text, length, &count, SP_ONNX_MAX_RANK)) {
        return set_lengths(err, role, length, count);
    }
    *given = true;
    role->kind = SP_ONNX_ROLE_NUMBER;
    if (sp_onnx_role_whole(role) && strcmp(text, "steps") == 0) {
        role->kind = SP_ONNX_ROLE_LENGTH;
        return SP_OK;
    }
    return parse_number(err, role, text);
}

/* ---- pairs of a state before and after a call ---- */

/* The words of a name that say what a state is, without those that say when: h0, hn and h_out are
 * h; state and stateN are state. */
static void stem_of(char *stem, size_t size, const char *name) {
    static const char *const when[] = {"in",   "out",  "input",    "output", "new",
                                       "next", "prev", "previous", "init",   "initial",
                                       "old",  "last", "n",        "0"};
    size_t at = 0;
    stem[0] = '\0';
    for (const char *from = name; *from != '\0';) {
        size_t n = 0;
        if (isdigit((unsigned char)*from)) {
            n = strspn(from, "0123456789");
        } else if (isalpha((unsigned char)*from)) {
            for (n = 1;
                 isalpha((unsigned char)from[n]) &&
                 !(isupper((unsigned char)from[n]) && islower((unsigned char)from[n - 1]));) {
                n++;
            }
        }
        bool says = n > 0;
        for (size_t i = 0; i < sizeof when / sizeof *when; i++) {
            says = says && !(strlen(when[i]) == n && strncasecmp(when[i], from, n) == 0);
        }
        // hn and cn, as PyTorch's documentation calls them.
        const size_t kept = n == 2 && tolower((unsigned char)from[1]) == 'n' ? 1 : n;
        for (size_t i = 0; says && i < kept && at + 2 < size; i++) {
            stem[at++] = (char)tolower((unsigned char)from[i]);
        }
        if (says && at + 2 < size) {
            stem[at++] = ' ';
        }
        stem[at] = '\0';
        from += n > 0 ? n : 1;
    }
}

/* Whether an input and an output can have one shape. */
static bool shapes_fit(const Onnx__ValueInfoProto *a, const Onnx__ValueInfoProto *b, bool *sure) {
    const Onnx__TypeProto__Tensor *p = tensor_of(a), *q = tensor_of(b);
    *sure = false;
    if (!p || !q || !p->shape || !q->shape) {
        return true;
    }
    *sure = p->shape->n_dim == q->shape->n_dim;
    bool fit = *sure;
    for (size_t i = 0; fit && i < p->shape->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *d = p->shape->dim[i], *e = q->shape->dim[i];
        const bool known = is_fixed(d) && is_fixed(e);
        fit = !known || d->dim_value == e->dim_value;
        *sure = *sure && (known || !is_fixed(d));
    }
    return fit;
}

static bool is_taken(const sp_onnx_graph *graph, size_t output) {
    for (size_t i = 0; i < graph->roles; i++) {
        if (graph->role[i].kind == SP_ONNX_ROLE_STATE && graph->role[i].after == output) {
            return true;
        }
    }
    return false;
}

/* The output that a state is in the next call, by name or by shape; SP_ONNX_NO_NAME: none. */
static size_t find_after(const sp_onnx_graph *graph, const sp_onnx_role *role, bool by_name) {
    const Onnx__GraphProto *proto = graph->proto;
    char stem[128], other[128];
    stem_of(stem, sizeof stem, role->name);
    for (size_t i = 0; i < proto->n_output; i++) {
        bool sure = false;
        const bool fits = shapes_fit(role->proto, proto->output[i], &sure);
        stem_of(other, sizeof other, proto->output[i]->name ? proto->output[i]->name : "");
        const bool named = stem[0] != '\0' && strcmp(stem, other) == 0;
        if (fits && !is_taken(graph, graph->result[i]) && (by_name ? named : sure)) {
            return graph->result[i];
        }
    }
    return SP_ONNX_NO_NAME;
}

/* ---- the whole ---- */

static bool is_real(const Onnx__ValueInfoProto *value) {
    const int32_t type = type_of(value);
    return type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
}

static bool counts_steps(const sp_onnx_role *role) {
    int64_t dim[SP_ONNX_MAX_RANK];
    size_t rank = 0;
    bool one = sp_onnx_role_shape(role, dim, &rank, SP_ONNX_MAX_RANK);
    for (size_t i = 0; one && i < rank; i++) {
        one = dim[i] == 1;
    }
    return one && sp_onnx_role_whole(role) && sp_onnx_name_holds(role->name, "len");
}

/* The inputs that are no initialisers, with what the choice gives. */
static sp_status list_inputs(sp_error *err, sp_onnx_graph *graph, const sp_model_choice *choice) {
    const Onnx__GraphProto *proto = graph->proto;
    graph->role = calloc(proto->n_input + 1, sizeof *graph->role);
    if (!graph->role) {
        return sp_fail(err, SP_E_MEMORY, "no memory for the inputs of the graph");
    }
    for (size_t i = 0; i < proto->n_input; i++) {
        if (graph->definition[graph->argument[i]].by == SP_ONNX_DEFINED_BY_INPUT) {
            graph->role[graph->roles++] =
                (sp_onnx_role){.proto = proto->input[i],
                               .name = proto->input[i]->name ? proto->input[i]->name : "",
                               .id = graph->argument[i],
                               .after = SP_ONNX_NO_NAME};
        }
    }
    if (graph->roles > SP_ONNX_MOST_STATES) {
        return sp_fail(err, SP_E_UNSUPPORTED, "the graph has %zu inputs: at most %d are read",
                       graph->roles, SP_ONNX_MOST_STATES);
    }
    for (size_t i = 0; i < choice->inputs; i++) {
        bool found = false;
        for (size_t k = 0; k < graph->roles; k++) {
            found = found || strcmp(graph->role[k].name, choice->input[i].name) == 0;
        }
        if (!found) {
            return sp_fail(err, SP_E_UNSUPPORTED, "--input: the graph has no input '%.80s'",
                           choice->input[i].name);
        }
    }
    return SP_OK;
}

static sp_status refuse_input(sp_error *err, const sp_onnx_graph *graph, const sp_onnx_role *role) {
    const char *name = role->name, *features = graph->features->name;
    if (sp_onnx_role_whole(role)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "the input '%.60s' beside the features '%.60s' is a whole number that the "
                       "file leaves open: give the one that the model runs with, by --input "
                       "%.60s=NUMBER",
                       name, features, name);
    }
    return sp_fail(err, SP_E_UNSUPPORTED,
                   "the graph has several inputs, and '%.60s' beside '%.60s' is neither a state, "
                   "which an output of its name or shape would hand on, nor given: where the model "
                   "runs with one number there, give it by --input %.60s=NUMBER",
                   name, features, name);
}

/* Inputs that are not given: states by name, then the features, then states by shape. */
static sp_status settle_inputs(sp_error *err, sp_onnx_graph *graph, bool *given) {
    sp_onnx_role *first = NULL;
    size_t open = 0;
    for (size_t i = 0; i < graph->roles; i++) {
        open += !given[i] && is_real(graph->role[i].proto);
    }
    for (size_t i = graph->roles; i-- > 0 && open > 1;) {
        sp_onnx_role *role = &graph->role[i];
        const size_t after =
            !given[i] && is_real(role->proto) ? find_after(graph, role, true) : SP_ONNX_NO_NAME;
        if (after != SP_ONNX_NO_NAME) {
            role->kind = SP_ONNX_ROLE_STATE;
            role->after = after;
            given[i] = true;
            open--;
        }
    }
    for (size_t i = 0; i < graph->roles; i++) {
        first = !first && !given[i] && (is_real(graph->role[i].proto) || graph->roles == 1)
                    ? &graph->role[i]
                    : first;
    }
    if (!first) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "none of the graph's inputs can be its features: export the model with its "
                       "features as an input");
    }
    graph->features = first->proto;
    for (size_t i = 0; i < graph->roles; i++) {
        sp_onnx_role *role = &graph->role[i];
        if (given[i] || role == first) {
            continue;
        }
        if (counts_steps(role)) {
            role->kind = SP_ONNX_ROLE_LENGTH;
            continue;
        }
        role->after = is_real(role->proto) ? find_after(graph, role, false) : SP_ONNX_NO_NAME;
        if (role->after == SP_ONNX_NO_NAME) {
            return refuse_input(err, graph, role);
        }
        role->kind = SP_ONNX_ROLE_STATE;
    }
    return SP_OK;
}

/* A number that is given for an input with an output of its name or shape is where it starts. */
static void start_states(sp_onnx_graph *graph) {
    for (size_t i = 0; i < graph->roles; i++) {
        sp_onnx_role *role = &graph->role[i];
        const size_t after = role->kind == SP_ONNX_ROLE_NUMBER && is_real(role->proto)
                                 ? find_after(graph, role, true)
                                 : SP_ONNX_NO_NAME;
        if (after != SP_ONNX_NO_NAME) {
            role->kind = SP_ONNX_ROLE_STATE;
            role->after = after;
        }
    }
}

sp_status sp_onnx_roles_find(sp_error *err, sp_onnx_graph *graph, const sp_model_choice *choice) {
    SP_TRY(list_inputs(err, graph, choice));
    bool *given = calloc(graph->roles + 1, sizeof *given);
    sp_status status = given ? SP_OK : sp_fail(err, SP_E_MEMORY, "no memory for the inputs");
    for (size_t i = 0; i < graph->roles && status == SP_OK; i++) {
        const sp_model_input *input = find_given(choice, graph->role[i].name);
        status = input ? take_given(err, &graph->role[i], input->value, &given[i]) : SP_OK;
    }
    if (status == SP_OK) {
        start_states(graph);
        status = settle_inputs(err, graph, given);
    }
    free(given);
    SP_TRY(status);
    size_t kept = 0;
    for (size_t i = 0; i < graph->results; i++) {
        if (!is_taken(graph, graph->result[i])) {
            graph->result[kept++] = graph->result[i];
        }
    }
    graph->results = kept;
    return kept > 0 ? sp_onnx_graph_sort(err, graph)
                    : sp_fail(err, SP_E_UNSUPPORTED,
                              "all outputs of the graph are states: export the model with its "
                              "logits as an output");
}

sp_status sp_onnx_roles_describe(sp_error *err, char **text, const sp_onnx_graph *graph) {
    size_t size = 0;
    *text = NULL;
    FILE *memory = open_memstream(text, &size);
    for (size_t i = 0; memory && i < graph->roles; i++) {
        const sp_onnx_role *role = &graph->role[i];
        const char *then = ftell(memory) > 0 ? "; " : "";
        if (role->kind == SP_ONNX_ROLE_STATE) {
            fprintf(memory, "%s%s -> %s, from %g", then, role->name,
                    graph->definition[role->after].name, role->value);
        } else if (role->kind == SP_ONNX_ROLE_NUMBER) {
            fprintf(memory, "%s%s = %.17g", then, role->name, role->value);
        } else if (role->kind == SP_ONNX_ROLE_LENGTH) {
            fprintf(memory, "%s%s = the number of steps", then, role->name);
        }
    }
    if (!memory || fclose(memory) != 0) {
        free(*text);
        *text = NULL;
        return sp_fail(err, SP_E_MEMORY, "no memory for a text of the file");
    }
    return SP_OK;
}
