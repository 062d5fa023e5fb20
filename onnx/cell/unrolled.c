/* Recurrent cells that are written out step by step, as exporters unroll loops.
 *
 * A layer that runs once reads steps of layers that run at every one. Its time is the last step
 * that it reads. The layers of time t that those of time t + 1 read are the states; with them as
 * symbols, the layers of one time are polynomials of the states before and of the step, and these
 * must be the same at every time, and at the first one what they are where all states are zero.
 * Then the cells that they are stand for them. */
#include <stdlib.h>
#include <string.h>

#include "onnx/cell/seed.h"
#include "onnx/cell/unrolled.h"

/* ---- one time ---- */

/* The states of time t: what layers of time t + 1 read of it. */
static bool find_states(const sp_onnx_unrolled *u, size_t t, size_t *state, size_t *count) {
    *count = 0;
    for (size_t l = 0; l < u->layers; l++) {
        bool read = false;
        for (size_t k = 0; u->time[l] == t && !read && k < u->layers; k++) {
            for (size_t i = 0;
                 u->time[k] == t + 1 && sp_onnx_is_mixed(u, k) && i < u->r->layer[k].parts; i++) {
                read = read || sp_onnx_resolve(u->r, u->r->layer[k].part[i].from).layer == l;
            }
        }
        if (read && *count == SP_ONNX_MOST_STATES) {
            return false;
        }
        if (read) {
            state[(*count)++] = l;
        }
    }
    return *count > 0;
}

/* Whether what layer l of time t computes reads nothing but this step and the states before; `seen`
 * [layers]. */
static bool reads_one_time(const sp_onnx_unrolled *u, size_t l, size_t t, bool *seen) {
    const sp_onnx_layer *layer = &u->r->layer[l];
    bool fine = u->time[l] == t;
    for (size_t s = 0; s < u->states; s++) {
        if (t > 0 && l == u->state[s]) {
            return true;
        }
    }
    if (seen[l]) {
        return fine;
    }
    seen[l] = true;
    for (size_t i = 0; fine && i < layer->parts; i++) {
        const sp_onnx_source from = sp_onnx_resolve(u->r, layer->part[i].from);
        int64_t step = 0;
        size_t steps = 0;
        if (u->r->layer[from.layer].once) {
            fine = reads_one_time(u, from.layer, t, seen);
        } else {
            fine = sp_onnx_step_of(u->r, from, &step, &steps) &&
                   (size_t)step == (u->reversed ? steps - 1 - t : t);
        }
    }
    return fine;
}

static sp_status set_symbols(sp_onnx_unrolled *u) {
    for (size_t s = 0; s < u->states; s++) {
        const size_t n = u->r->layer[u->state[s]].out;
        sp_onnx_symbol *symbol = sp_region_take(&u->r->region, n, sizeof *symbol);
        if (!symbol) {
            return sp_onnx_out_of_memory(u->r);
        }
        for (size_t j = 0; j < n; j++) {
            symbol[j] = SP_ONNX_SYMBOL_STATE + ((sp_onnx_symbol)s << 22) + (sp_onnx_symbol)j;
        }
        SP_TRY(sp_onnx_formula_state(&u->f, u->state[s], symbol));
    }
    return SP_OK;
}

/* The polynomials of layer l, normalised. */
static sp_status polynomials_of(sp_onnx_unrolled *u, size_t l, sp_onnx_polynomial **polynomial) {
    const size_t n = u->r->layer[l].out;
    sp_onnx_sequence all = {.rank = 1, .outer = SP_ONNX_NO_AXIS, .width = n};
    *polynomial = sp_region_take(&u->r->region, n, sizeof **polynomial);
    if (!*polynomial) {
        return sp_onnx_out_of_memory(u->r);
    }
    SP_TRY(sp_onnx_sequence_set(u->r, &all, (sp_onnx_source){.layer = l}));
    return sp_onnx_formula_rows(&u->f, *polynomial, all.row, n);
}

/* The layer of time t that is `next`, or `layers`. */
static sp_status find_layer(sp_onnx_unrolled *u, size_t t, const sp_onnx_polynomial *next,
                            size_t width, size_t *found, bool *seen) {
    *found = u->layers;
    for (size_t l = 0; l < u->layers && *found == u->layers; l++) {
        sp_onnx_polynomial *of = NULL;
        memset(seen, 0, u->layers * sizeof *seen);
        if (u->time[l] != t || u->r->layer[l].out != width || !reads_one_time(u, l, t, seen)) {
            continue;
        }
        const sp_status status = polynomials_of(u, l, &of);
        if (status == SP_E_MEMORY) {
            return status;
        }
        if (status == SP_OK && sp_onnx_polynomials_same(of, next, width)) {
            *found = l;
        }
    }
    return SP_OK;
}

/* ---- the first time ---- */

/* The polynomial where every state is zero. */
static sp_status at_zero(sp_onnx_unrolled *u, sp_onnx_polynomial *to,
                         const sp_onnx_polynomial *of) {
    sp_onnx_reader *r = u->r;
    sp_onnx_polynomial sum = sp_onnx_polynomial_constant(of->shift);
    for (size_t i = 0; i < of->terms; i++) {
        sp_onnx_polynomial term = sp_onnx_polynomial_constant(of->term[i].factor * of->scale);
        for (size_t k = 0; k < SP_ONNX_MOST_FACTORS; k++) {
            const sp_onnx_symbol s = of->term[i].symbol[k];
            sp_onnx_polynomial factor = sp_onnx_polynomial_constant(1.0);
            if (s >= SP_ONNX_SYMBOL_ATOM) {
                sp_onnx_atom atom = r->algebra->atom[s - SP_ONNX_SYMBOL_ATOM];
                sp_onnx_polynomial argument;
                SP_TRY(at_zero(u, &argument, &atom.argument));
                SP_TRY(sp_onnx_polynomial_of_atom(r, &factor, &atom, &argument));
            } else if (s >= SP_ONNX_SYMBOL_STATE) {
                factor = sp_onnx_polynomial_constant(0.0);
            } else if (s != SP_ONNX_NO_SYMBOL) {
                SP_TRY(sp_onnx_polynomial_symbol(r, &factor, s));
            }
            const sp_onnx_polynomial before = term;
            SP_TRY(sp_onnx_polynomial_multiply(r, &term, &before, &factor));
        }
        const sp_onnx_polynomial before = sum;
        SP_TRY(sp_onnx_polynomial_add(r, &sum, &term, &before));
    }
    *to = sum;
    return sp_onnx_polynomial_normalise(r, to);
}

/* Whether the states of time 0 are what the cell makes of zeros. */
static sp_status check_start(sp_onnx_unrolled *u, bool *zero) {
    sp_onnx_reader *r = u->r;
    *zero = true;
    u->f.join_all = true;
    for (size_t l = 0; l < u->layers; l++) {
        u->f.inside[l] = u->f.inside[l] || (u->time[l] == 0 && r->layer[l].once);
    }
    for (size_t s = 0; s < u->states && *zero; s++) {
        const size_t n = r->layer[u->at[0][s]].out;
        sp_onnx_polynomial *of = NULL;
        u->f.of[u->at[0][s]] = NULL; // no symbol any more
        SP_TRY(polynomials_of(u, u->at[0][s], &of));
        r->algebra = &u->f.algebra;
        for (size_t j = 0; j < n && *zero; j++) {
            sp_onnx_polynomial expected;
            const sp_status status = at_zero(u, &expected, &u->next[s][j]);
            if (status != SP_OK) {
                r->algebra = NULL;
                return status;
            }
            *zero = sp_onnx_polynomial_same(&expected, &of[j]);
        }
        r->algebra = NULL;
    }
    return SP_OK;
}

/* ---- all times ---- */

static sp_status not_unrolled(sp_onnx_unrolled *u, const char *why) {
    return sp_fail(u->r->err, SP_E_UNSUPPORTED, "%s", why);
}

/* Time 1 says what the states become; every later time must agree. */
static sp_status follow(sp_onnx_unrolled *u, bool *seen) {
    for (size_t s = 0; s < u->states; s++) {
        memset(seen, 0, u->layers * sizeof *seen);
        if (!reads_one_time(u, u->at[1][s], 1, seen)) {
            return not_unrolled(u, "a step reads more than one step of the features");
        }
        SP_TRY(polynomials_of(u, u->at[1][s], &u->next[s]));
    }
    for (size_t t = 2; t < u->steps; t++) {
        memcpy(u->state, u->at[t - 1], sizeof u->state);
        SP_TRY(set_symbols(u));
        for (size_t s = 0; s < u->states; s++) {
            SP_TRY(find_layer(u, t, u->next[s], u->r->layer[u->at[1][s]].out, &u->at[t][s], seen));
            if (u->at[t][s] == u->layers) {
                return not_unrolled(u, "its steps do not all compute the same");
            }
        }
    }
    return SP_OK;
}

static sp_status push_cells(sp_onnx_unrolled *u) {
    sp_onnx_reader *r = u->r;
    sp_onnx_states states = {.count = u->states};
    sp_onnx_found found[SP_ONNX_MOST_STATES];
    sp_onnx_source source[SP_ONNX_MOST_STATES];
    size_t cells = 0, below = 0;
    bool zero = false;
    for (size_t s = 0; s < u->states; s++) {
        states.width[s] = r->layer[u->at[1][s]].out;
        states.next[s] = u->next[s];
    }
    u->f.algebra.width = u->f.width;
    r->algebra = &u->f.algebra;
    sp_status status = sp_onnx_cells_recognise(r, found, &cells, &states);
    r->algebra = NULL;
    SP_TRY(status);
    const size_t width = u->f.width;
    SP_TRY(check_start(u, &zero));
    if (!zero || u->f.width != width) {
        return not_unrolled(u, "its states do not start at zero");
    }
    SP_TRY(sp_onnx_formula_below(&u->f, &below));
    for (size_t k = 0; k < cells; k++) {
        found[k].cell.reverse = u->reversed;
    }
    SP_TRY(sp_onnx_cells_push(r, source, found, cells, below));
    for (size_t k = 0; k < cells; k++) {
        for (size_t t = 0; t < u->steps; t++) {
            sp_onnx_layer *layer = &r->layer[u->at[t][found[k].h]];
            layer->replaced = true;
            layer->by = source[found[k].h];
            layer->by.reading = SP_ONNX_READ_STEP;
            layer->by.at = sp_onnx_dim_of((int64_t)(u->reversed ? u->steps - 1 - t : t));
        }
    }
    return SP_OK;
}

/* The states of times 0 and 1: all in their order; pairs of them swapped at time 1; or one alone,
 * which others may read. *more: whether there are further forms. */
static sp_status choose_states(sp_onnx_unrolled *u, size_t form, bool *more) {
    size_t count = 0;
    if (!find_states(u, 0, u->at[0], &u->states) || !find_states(u, 1, u->at[1], &count) ||
        count != u->states) {
        return not_unrolled(u, "its steps do not hand on the same states");
    }
    *more = count > 1 && form < count + 1;
    for (size_t s = 0; form == 1 && s + 1 < count; s += 2) {
        const size_t other = u->at[1][s];
        u->at[1][s] = u->at[1][s + 1];
        u->at[1][s + 1] = other;
    }
    if (form > 1) {
        u->states = 1;
        u->at[0][0] = u->at[0][form - 2];
        u->at[1][0] = u->at[1][form - 2];
    }
    for (size_t s = 0; s < u->states; s++) {
        if (u->r->layer[u->at[0][s]].out != u->r->layer[u->at[1][s]].out) {
            return not_unrolled(u, "its steps do not hand on the same states");
        }
    }
    return SP_OK;
}

static sp_status try_form(sp_onnx_unrolled *u, size_t form, bool *more) {
    bool *seen = calloc(u->layers + 1, sizeof *seen);
    *more = false;
    u->at = calloc(u->steps, sizeof *u->at);
    sp_status status = seen && u->at ? sp_onnx_formulas_init(u->r, &u->f) : SP_E_MEMORY;
    status = status == SP_OK ? choose_states(u, form, more) : status;
    if (status == SP_OK) {
        memcpy(u->state, u->at[0], sizeof u->state);
        status = set_symbols(u);
    }
    status = status == SP_OK ? follow(u, seen) : status;
    status = status == SP_OK ? push_cells(u) : status;
    sp_onnx_formulas_clear(&u->f);
    free(u->at);
    free(seen);
    return status;
}

static sp_status keep_reason(sp_onnx_unrolled *u, const char *text) {
    char *why = sp_region_take(&u->r->region, strlen(text) + 1, 1);
    if (!why) {
        return sp_onnx_out_of_memory(u->r);
    }
    strcpy(why, text);
    for (size_t l = 0; l < u->layers; l++) {
        u->r->layer[l].why = u->time[l] != SP_ONNX_UNTIMED ? why : u->r->layer[l].why;
    }
    return SP_OK;
}

static sp_status find_cells(sp_onnx_unrolled *u, const sp_onnx_affine *row, size_t count) {
    sp_onnx_reader *r = u->r;
    sp_error *err = r->err, first = {0};
    if (sp_onnx_mixed_times(u, row, count) == 0 || u->steps < SP_ONNX_FEWEST_STEPS) {
        return SP_OK;
    }
    bool more = true;
    for (size_t form = 0; more; form++) {
        sp_error why = {0};
        r->err = &why;
        const sp_status status = try_form(u, form, &more);
        r->err = err;
        if (status == SP_OK) {
            u->found = true;
            return SP_OK;
        }
        if (status == SP_E_MEMORY) {
            return sp_fail(err, status, "no memory for the steps of a cell that is written out");
        }
        first = form == 0 ? why : first;
    }
    return keep_reason(u, first.text);
}

static sp_status with_arrays(sp_onnx_reader *r, const sp_onnx_affine *row, size_t count,
                             bool *found,
                             sp_status (*run)(sp_onnx_unrolled *, const sp_onnx_affine *, size_t)) {
    sp_onnx_unrolled u = {.r = r, .layers = r->layers};
    u.needed = calloc(u.layers + 1, sizeof *u.needed);
    u.first = calloc(u.layers + 1, sizeof *u.first);
    u.time = calloc(u.layers + 1, sizeof *u.time);
    const sp_status status =
        u.needed && u.first && u.time
            ? run(&u, row, count)
            : sp_fail(r->err, SP_E_MEMORY, "no memory for %zu layers", r->layers);
    *found = u.found;
    free(u.needed);
    free(u.first);
    free(u.time);
    return status;
}

sp_status sp_onnx_unrolled_find(sp_onnx_reader *r, const sp_onnx_affine *row, size_t count) {
    bool once = false;
    for (size_t l = 1; l < r->layers; l++) {
        once = once || (r->layer[l].once && r->layer[l].role == SP_ONNX_LAYER_PRODUCT) ||
               (r->layer[l].once && r->layer[l].kind == SP_NODE_CURVE);
    }
    if (!once || r->streams) {
        return SP_OK;
    }
    for (bool found = true; found;) {
        sp_onnx_join_equal(r);
        SP_TRY(with_arrays(r, row, count, &found, sp_onnx_lift_later));
        SP_TRY(with_arrays(r, row, count, &found, sp_onnx_lift_first));
        SP_TRY(with_arrays(r, row, count, &found, find_cells));
    }
    return SP_OK;
}
