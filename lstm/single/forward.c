/* Forward: the ranges that a domain has proved, widened by what the program may be off by, and the
 * error of every operation over them. What is off grows from operation to operation by absolute
 * values, as intervals do; the states of a cell are bounded again by derivatives (back.c) whenever
 * that has made them too large. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lstm/single/impl.h"

/* ---- memory ---- */

static void single_clear(sp_single *s) {
    double **const arrays[] = {s->lo, s->hi, s->error, s->local};
    for (size_t k = 0; k < 4; k++) {
        for (size_t n = 0; arrays[k] != NULL && n < s->net->nodes; n++) {
            free(arrays[k][n]);
        }
        free(arrays[k]);
    }
    free(s->most);
    free(s->least);
    free(s->frames);
    free(s->steps);
    free(s->variables);
}

static sp_status single_init(sp_error *err, sp_single *s, const sp_front_bound *front) {
    const size_t nodes = s->net->nodes;
    s->frames = calloc(nodes, sizeof *s->frames);
    s->steps = calloc(nodes, sizeof *s->steps);
    s->variables = calloc(nodes, sizeof *s->variables);
    s->lo = calloc(nodes, sizeof(double *));
    s->hi = calloc(nodes, sizeof(double *));
    s->error = calloc(nodes, sizeof(double *));
    s->local = calloc(nodes, sizeof(double *));
    bool taken = s->frames && s->steps && s->variables && s->lo && s->hi && s->error && s->local;
    for (size_t n = nodes; taken && n-- > s->source;) {
        s->frames[n] = n + 1 == nodes ? 1 : s->frames[n];
        for (size_t i = 0;
             s->frames[n] > 0 && n > s->source && i < sp_node_inputs(&s->net->node[n]); i++) {
            s->frames[sp_node_input(&s->net->node[n], i)] = 1; // needed
        }
    }
    for (size_t n = s->source; taken && n < nodes; n++) {
        const sp_node *node = &s->net->node[n];
        if (s->frames[n] == 0) {
            continue;
        }
        s->frames[n] = sp_net_frames(s->net, s->source, n, front->frames);
        if (node->kind == SP_NODE_CELL) {
            sp_cell_describe(&s->steps[n], &node->cell);
        }
        s->variables[n] = node->kind == SP_NODE_CELL ? s->steps[n].count : 1;
        const size_t size = sp_single_at(s, n, s->frames[n], 0);
        s->lo[n] = calloc(size, sizeof(double));
        s->hi[n] = calloc(size, sizeof(double));
        s->error[n] = calloc(size, sizeof(double));
        s->local[n] = calloc(size, sizeof(double));
        taken = s->lo[n] && s->hi[n] && s->error[n] && s->local[n];
    }
    return taken ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for float32 errors");
}

/* Terms of the longest sum, and its biases. */
static size_t longest_sum(const sp_single *s) {
    size_t most = 0;
    for (size_t n = s->source + 1; n < s->net->nodes; n++) {
        const sp_node *node = &s->net->node[n];
        size_t terms = node->kind == SP_NODE_CELL ? node->cell.in + node->width + 1 : 0;
        for (size_t i = 0; node->kind == SP_NODE_AFFINE && i < node->terms; i++) {
            terms += node->term[i].timing.taps * node->term[i].in;
        }
        terms = node->kind == SP_NODE_POOL ? s->frames[node->input] : terms;
        most = terms > most ? terms : most;
    }
    return most + 2;
}

static sp_status take_room(sp_error *err, sp_single *s) {
    const size_t room = longest_sum(s);
    s->most = calloc(room, sizeof *s->most);
    s->least = calloc(room, sizeof *s->least);
    return s->most && s->least ? SP_OK
                               : sp_fail(err, SP_E_MEMORY, "out of memory for float32 errors");
}

/* ---- nodes ---- */

static void forward_source(const sp_single *s, const sp_front_bound *front) {
    const size_t width = s->net->node[s->source].width, n = s->source;
    for (size_t i = 0; i < s->frames[n] * width; i++) {
        s->lo[n][i] = front->feature_lo[i];
        s->hi[n][i] = front->feature_hi[i];
        s->local[n][i] =
            s->program->feature * sp_single_largest(s, n, i) + s->program->feature_least;
    }
    for (size_t t = 0; t < s->frames[n]; t++) {
        sp_single_widen(s, n, t * width);
    }
}

static void forward_affine(const sp_single *s, size_t n, double *computed) {
    const sp_node *node = &s->net->node[n];
    for (size_t t = 0; t < s->frames[n]; t++) {
        const size_t at = sp_single_at(s, n, t, 0);
        for (size_t j = 0; j < node->width; j++) {
            sp_single_sums sum = {.biases = 1};
            for (size_t i = 0; i < node->terms; i++) {
                const sp_term *term = &node->term[i];
                const sp_timing *timing = &term->timing;
                for (size_t k = 0; k < timing->taps; k++) {
                    size_t frame = 0;
                    if (sp_timing_reads(&frame, timing, s->frames[term->input], t, k)) {
                        sp_single_add_products(
                            &sum, term->weight + (j * timing->taps + k) * term->in, s, term->input,
                            sp_single_input(s, term->input, frame), term->in);
                    }
                }
            }
            sp_single_finish_sum(s, n, at + j, computed + j, node->width, &sum, node->bias[j], 0.0);
        }
        sp_single_take_range(s, n, t, SP_NO_VARIABLE, at, computed);
        sp_single_widen(s, n, at);
    }
}

static void forward_curve(const sp_single *s, size_t n, double *computed) {
    const sp_node *node = &s->net->node[n];
    for (size_t t = 0; t < s->frames[n]; t++) {
        const size_t at = sp_single_at(s, n, t, 0), from = sp_single_input(s, node->input, t);
        for (size_t j = 0; j < node->width; j++) {
            sp_single_curve_number(s, node->curve, n, at + j, node->input, from + j, computed + j,
                                   node->width);
        }
        sp_single_take_range(s, n, t, SP_NO_VARIABLE, at, computed);
        sp_single_widen(s, n, at);
    }
}

/* A frame, or the sum of all, which a mean divides by their number. */
static void forward_pool(const sp_single *s, size_t n, double *computed) {
    const sp_node *node = &s->net->node[n];
    const size_t frames = s->frames[node->input], width = node->width;
    const bool sum = node->pool == SP_POOLING_MEAN || node->pool == SP_POOLING_SUM;
    const double share = node->pool == SP_POOLING_MEAN ? 1.0 / (double)frames : 1.0;
    const size_t first = node->pool == SP_POOLING_LAST ? frames - 1 : 0;
    for (size_t j = 0; j < width; j++) {
        sp_single_sums all = {.biases = 1};
        for (size_t t = first; t < (sum ? frames : first + 1); t++) {
            sp_single_add_products(&all, &share, s, node->input,
                                   sp_single_input(s, node->input, t) + j, 1);
        }
        all.spare = 2; // the division, or a rounded share
        sp_single_finish_sum(s, n, j, computed + j, width, &all, 0.0, 0.0);
        s->local[n][j] = sum ? s->local[n][j] : 0.0;
    }
    sp_single_take_range(s, n, 0, SP_NO_VARIABLE, 0, computed);
    sp_single_widen(s, n, 0);
}

static sp_status forward_node(sp_error *err, sp_single *s, size_t n, double *computed) {
    switch (s->net->node[n].kind) {
    case SP_NODE_INPUT:
        break;
    case SP_NODE_AFFINE:
        forward_affine(s, n, computed);
        break;
    case SP_NODE_CURVE:
        forward_curve(s, n, computed);
        break;
    case SP_NODE_CELL:
        return sp_single_forward_cell(err, s, n, computed);
    case SP_NODE_POOL:
        forward_pool(s, n, computed);
        break;
    }
    return SP_OK;
}

static sp_status forward(sp_error *err, sp_single *s, const sp_front_bound *front) {
    size_t widest = 0;
    for (size_t n = 0; n < s->net->nodes; n++) {
        widest = s->net->node[n].width > widest ? s->net->node[n].width : widest;
    }
    double *computed = calloc(2 * widest, sizeof *computed);
    sp_status status =
        computed != NULL ? SP_OK : sp_fail(err, SP_E_MEMORY, "out of memory for float32 errors");
    if (status == SP_OK) {
        forward_source(s, front);
    }
    for (size_t n = s->source + 1; status == SP_OK && n < s->net->nodes; n++) {
        status = s->frames[n] > 0 ? forward_node(err, s, n, computed) : SP_OK;
    }
    free(computed);
    return status;
}

/* ---- what is served ---- */

static bool are_floats(const double *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!((double)(float)x[i] == x[i])) {
            return false;
        }
    }
    return true;
}

static sp_status check_node(sp_error *err, const sp_node *node, size_t n) {
    bool known = true, floats = true;
    if (node->kind == SP_NODE_CURVE) {
        known = sp_single_known(node->curve);
    } else if (node->kind == SP_NODE_CELL) {
        const sp_cell *cell = &node->cell;
        known = cell->kind != SP_CELL_TIMES && sp_single_known(cell->candidate) &&
                !(cell->clip > 0.0) && (cell->kind == SP_CELL_RNN || sp_single_known(cell->gate));
        const size_t rows = sp_cell_gates(cell) * cell->out;
        floats = are_floats(cell->weight, rows * cell->in) &&
                 (cell->recurrent == NULL || are_floats(cell->recurrent, rows * cell->out));
    }
    for (size_t i = 0; node->kind == SP_NODE_AFFINE && i < node->terms; i++) {
        const sp_term *term = &node->term[i];
        floats = floats && are_floats(term->weight, node->width * term->timing.taps * term->in) &&
                 are_floats(node->bias, node->width);
    }
    if (!known) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "float32 verdicts do not know the function of node %zu", n);
    }
    return floats ? SP_OK
                  : sp_fail(err, SP_E_UNSUPPORTED,
                            "node %zu has weights that are no float32 numbers, products of some in "
                            "the file: float32 verdicts need those of the file themselves",
                            n);
}

sp_status sp_single_serves(sp_error *err, const sp_net *net, size_t source) {
    for (size_t n = source + 1; n < net->nodes; n++) {
        SP_TRY(check_node(err, &net->node[n], n));
    }
    return SP_OK;
}

sp_status sp_single_terms(sp_error *err, double *term, const sp_single_program *program,
                          const sp_net *net, const sp_front_bound *front, const sp_domain *domain,
                          void *bounds, const double *weight, size_t rows, double deadline) {
    sp_single s = {.program = program,
                   .net = net,
                   .domain = domain,
                   .bounds = bounds,
                   .source = front->node,
                   .deadline = deadline};
    SP_TRY(sp_single_serves(err, net, front->node));
    sp_status status = single_init(err, &s, front);
    status = status == SP_OK ? take_room(err, &s) : status;
    status = status == SP_OK ? forward(err, &s, front) : status;
    status = status == SP_OK ? sp_single_output(err, &s, term, weight, rows) : status;
    for (size_t r = 0; status == SP_OK && r < rows; r++) {
        term[r] = term[r] < INFINITY ? term[r] : INFINITY; // NaN
    }
    single_clear(&s);
    return status;
}
