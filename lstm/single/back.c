/* Back: derivatives of rows of objectives by the result of every operation, as intervals (middle
 * and radius) over all runs between the real one and the program's, times what each operation is
 * off by. Every term that is added widens its radius by SP_SINGLE_SLACK of its size, far more than
 * the roundings of the doubles here. */
#include <stdlib.h>
#include <string.h>

#include "lstm/single/impl.h"

/** slopes - of all rows by the numbers of a node, [frames, rows, width]. */
typedef struct slopes {
    double *middle, *radius; /* owned, one block */
} slopes;

typedef struct walk {
    const sp_single *s;
    size_t rows;
    slopes *node; /* [nodes] owned; without arrays: nothing reads it */
    double *sum;  /* [rows] */
} walk;

static sp_status out_of_memory(sp_error *err) {
    return sp_fail(err, SP_E_MEMORY, "out of memory for float32 errors");
}

static sp_status make_slopes(sp_error *err, slopes *to, size_t count) {
    if (to->middle == NULL) {
        to->middle = calloc(2 * count, sizeof *to->middle);
        to->radius = to->middle != NULL ? to->middle + count : NULL;
    }
    return to->middle != NULL ? SP_OK : out_of_memory(err);
}

static sp_status make_node(sp_error *err, const walk *w, size_t n) {
    return make_slopes(err, &w->node[n], w->s->frames[n] * w->rows * w->s->net->node[n].width);
}

static void clear_slopes(slopes *x) {
    free(x->middle);
    *x = (slopes){0};
}

/* to += x times a factor. */
static void add_times(double *middle, double *radius, double m, double r, sp_iv factor) {
    const double half = 0.5 * (factor.hi - factor.lo), mid = factor.lo + half;
    const double size =
        fabs(m) * (half + SP_SINGLE_SLACK * (fabs(mid) + half)) + r * (fabs(mid) + half);
    *middle += m * mid;
    *radius += size;
}

/* sum[r] += |slope| times what the n operations are off by. */
static void charge(const walk *w, const double *middle, const double *radius, const double *local,
                   size_t n) {
    for (size_t r = 0; r < w->rows; r++) {
        double sum = 0.0;
        for (size_t j = 0; j < n; j++) {
            const double slope = fabs(middle[r * n + j]) + radius[r * n + j];
            sum += slope == 0.0 ? 0.0 : slope * local[j]; // NaN stays
        }
        w->sum[r] += sum;
    }
}

/* to [rows, columns] += x [rows, n] times weight [n, ld]. */
static void add_products(const walk *w, double *to_middle, double *to_radius, const double *middle,
                         const double *radius, size_t n, const double *weight, size_t ld,
                         size_t columns) {
    for (size_t r = 0; r < w->rows; r++) {
        double *tm = to_middle + r * columns, *tr = to_radius + r * columns;
        for (size_t j = 0; j < n; j++) {
            const double m = middle[r * n + j],
                         wide = radius[r * n + j] + SP_SINGLE_SLACK * fabs(m);
            const double *row = weight + j * ld;
            for (size_t i = 0; wide != 0.0 && i < columns; i++) { // NaN goes on
                tm[i] += m * row[i];
                tr[i] += wide * fabs(row[i]);
            }
        }
    }
}

/* to += x, number by number. */
static void add_copies(double *to_middle, double *to_radius, const double *middle,
                       const double *radius, size_t count, double sign) {
    for (size_t i = 0; i < count; i++) {
        to_middle[i] += sign * middle[i];
        to_radius[i] += radius[i] + SP_SINGLE_SLACK * fabs(middle[i]);
    }
}

/* ---- nodes ---- */

static sp_status back_affine(sp_error *err, const walk *w, size_t n) {
    const sp_node *node = &w->s->net->node[n];
    const size_t block = w->rows * node->width;
    for (size_t i = 0; i < node->terms; i++) {
        SP_TRY(make_node(err, w, node->term[i].input));
    }
    for (size_t t = 0; t < w->s->frames[n]; t++) {
        const double *m = w->node[n].middle + t * block, *r = w->node[n].radius + t * block;
        for (size_t i = 0; i < node->terms; i++) {
            const sp_term *term = &node->term[i];
            const sp_timing *timing = &term->timing;
            slopes *to = &w->node[term->input];
            for (size_t k = 0; k < timing->taps; k++) {
                size_t frame = 0;
                if (sp_timing_reads(&frame, timing, w->s->frames[term->input], t, k)) {
                    const size_t at = frame * w->rows * term->in;
                    add_products(w, to->middle + at, to->radius + at, m, r, node->width,
                                 term->weight + k * term->in, timing->taps * term->in, term->in);
                }
            }
        }
    }
    return SP_OK;
}

static sp_status back_curve(sp_error *err, const walk *w, size_t n) {
    const sp_node *node = &w->s->net->node[n];
    const size_t width = node->width;
    SP_TRY(make_node(err, w, node->input));
    const slopes *from = &w->node[n];
    slopes *to = &w->node[node->input];
    for (size_t t = 0; t < w->s->frames[n]; t++) {
        for (size_t j = 0; j < width; j++) {
            const sp_iv x =
                sp_single_range(w->s, node->input, sp_single_input(w->s, node->input, t) + j);
            const sp_iv slope = sp_single_slope(node->curve, x);
            for (size_t r = 0; r < w->rows; r++) {
                const size_t at = (t * w->rows + r) * width + j;
                add_times(&to->middle[at], &to->radius[at], from->middle[at], from->radius[at],
                          slope);
            }
        }
    }
    return SP_OK;
}

static sp_status back_pool(sp_error *err, const walk *w, size_t n) {
    const sp_node *node = &w->s->net->node[n];
    const size_t frames = w->s->frames[node->input], block = w->rows * node->width;
    SP_TRY(make_node(err, w, node->input));
    const slopes *from = &w->node[n];
    slopes *to = &w->node[node->input];
    const bool all = node->pool == SP_POOLING_MEAN || node->pool == SP_POOLING_SUM;
    const double share = node->pool == SP_POOLING_MEAN ? 1.0 / (double)frames : 1.0;
    const size_t one = node->pool == SP_POOLING_LAST ? frames - 1 : 0;
    for (size_t t = all ? 0 : one; t < (all ? frames : one + 1); t++) {
        for (size_t i = 0; i < block; i++) {
            add_times(&to->middle[t * block + i], &to->radius[t * block + i], from->middle[i],
                      from->radius[i], (sp_iv){share, share});
        }
    }
    return SP_OK;
}

/* ---- cells ---- */

/* A cell at one step: slopes by its variables, [count, rows, H]. */
typedef struct step {
    const walk *w;
    size_t n, frame, H;
    slopes by;
} step;

static double *middle_of(const step *p, int v) {
    return p->by.middle + (size_t)v * p->w->rows * p->H;
}
static double *radius_of(const step *p, int v) {
    return p->by.radius + (size_t)v * p->w->rows * p->H;
}

static void back_factors(const step *p, int v, int operand, const sp_iv *factor) {
    const double *m = middle_of(p, v), *r = radius_of(p, v);
    double *tm = middle_of(p, operand), *tr = radius_of(p, operand);
    for (size_t row = 0; row < p->w->rows; row++) {
        for (size_t j = 0; j < p->H; j++) {
            const size_t at = row * p->H + j;
            add_times(&tm[at], &tr[at], m[at], r[at], factor[j]);
        }
    }
}

static void back_image(const step *p, int v, slopes *input) {
    const sp_node *node = &p->w->s->net->node[p->n];
    const sp_cell *cell = &node->cell;
    const sp_cell_variable *image = &p->w->s->steps[p->n].variable[v];
    const double *m = middle_of(p, v), *r = radius_of(p, v);
    const size_t row = image->block * p->H;
    if (image->input) {
        const size_t at = p->frame * p->w->rows * cell->in;
        add_products(p->w, input->middle + at, input->radius + at, m, r, p->H,
                     cell->weight + row * cell->in, cell->in, cell->in);
    }
    if (image->a != SP_NO_VARIABLE) {
        add_products(p->w, middle_of(p, image->a), radius_of(p, image->a), m, r, p->H,
                     cell->recurrent + row * p->H, p->H, p->H);
    }
    if (image->b != SP_NO_VARIABLE) {
        add_copies(middle_of(p, image->b), radius_of(p, image->b), m, r, p->w->rows * p->H, 1.0);
    }
}

/* factor: scratch [2, H]. */
static void back_variable(const step *p, int v, slopes *input, sp_iv *factor) {
    const sp_single *s = p->w->s;
    const sp_cell_variable *at = &s->steps[p->n].variable[v];
    const size_t place = sp_single_at(s, p->n, p->frame, (size_t)v);
    if (at->op == SP_CELL_STATE) {
        return;
    }
    charge(p->w, middle_of(p, v), radius_of(p, v), s->local[p->n] + place, p->H);
    if (at->op == SP_CELL_IMAGE) {
        back_image(p, v, input);
        return;
    }
    for (size_t j = 0; j < p->H; j++) {
        const size_t a = sp_single_at(s, p->n, p->frame, (size_t)at->a) + j;
        factor[j] = factor[p->H + j] = (sp_iv){1.0, 1.0};
        if (at->op == SP_CELL_PRODUCT) {
            const size_t b = sp_single_at(s, p->n, p->frame, (size_t)at->b) + j;
            sp_single_partials(at, sp_single_range(s, p->n, a), sp_single_range(s, p->n, b),
                               &factor[j], &factor[p->H + j]);
        } else if (at->op == SP_CELL_CURVE) {
            factor[j] = sp_single_slope(at->f, sp_single_range(s, p->n, a));
        } else if (at->op == SP_CELL_DIFFERENCE) {
            factor[p->H + j] = (sp_iv){-1.0, -1.0};
        }
    }
    back_factors(p, v, at->a, factor);
    if (at->b != SP_NO_VARIABLE) {
        back_factors(p, v, at->b, factor + p->H);
    }
}

/* What the step before takes over: slopes by the states before become those by the states after. */
static void carry(const step *p, size_t count) {
    const sp_cell_steps *steps = &p->w->s->steps[p->n];
    const size_t block = p->w->rows * p->H;
    double *kept = p->by.middle + 2 * count; // behind both arrays
    for (size_t i = 0; i < steps->states; i++) {
        memcpy(kept + 2 * i * block, middle_of(p, steps->state[i].before), block * sizeof *kept);
        memcpy(kept + (2 * i + 1) * block, radius_of(p, steps->state[i].before),
               block * sizeof *kept);
    }
    memset(p->by.middle, 0, 2 * count * sizeof *p->by.middle);
    for (size_t i = 0; i < steps->states; i++) {
        memcpy(middle_of(p, steps->state[i].after), kept + 2 * i * block, block * sizeof *kept);
        memcpy(radius_of(p, steps->state[i].after), kept + (2 * i + 1) * block,
               block * sizeof *kept);
    }
}

/* Steps end - 1 .. 0 of a cell; `states`: the rows are its states after the last of these. */
static sp_status back_cell(sp_error *err, const walk *w, size_t n, size_t end, bool states) {
    const sp_single *s = w->s;
    const sp_cell_steps *steps = &s->steps[n];
    const size_t H = s->net->node[n].width, block = w->rows * H, count = steps->count * block;
    step p = {.w = w, .n = n, .H = H};
    SP_TRY(make_node(err, w, s->net->node[n].input));
    p.by.middle = calloc(2 * count + 2 * SP_CELL_STATES * block, sizeof *p.by.middle);
    p.by.radius = p.by.middle != NULL ? p.by.middle + count : NULL;
    sp_iv *factor = calloc(2 * H, sizeof *factor);
    const bool taken = p.by.middle != NULL && factor != NULL;
    for (size_t i = 0; taken && states && i < steps->states; i++) {
        for (size_t j = 0; j < H; j++) {
            middle_of(&p, steps->state[i].after)[(i * H + j) * H + j] = 1.0;
        }
    }
    for (size_t k = end; taken && k-- > 0;) {
        p.frame = sp_single_frame(s, n, k);
        if (!states) {
            add_copies(middle_of(&p, steps->output), radius_of(&p, steps->output),
                       w->node[n].middle + p.frame * block, w->node[n].radius + p.frame * block,
                       block, 1.0);
        }
        for (int v = (int)steps->count; v-- > 0;) {
            if (steps->variable[v].used) {
                back_variable(&p, v, &w->node[s->net->node[n].input], factor);
            }
        }
        carry(&p, count);
    }
    free(factor);
    free(p.by.middle);
    return taken ? SP_OK : out_of_memory(err);
}

/* ---- all nodes ---- */

static sp_status back_node(sp_error *err, const walk *w, size_t n) {
    const sp_node *node = &w->s->net->node[n];
    const size_t block = w->rows * node->width;
    for (size_t t = 0; node->kind != SP_NODE_CELL && t < w->s->frames[n]; t++) {
        charge(w, w->node[n].middle + t * block, w->node[n].radius + t * block,
               w->s->local[n] + t * node->width, node->width);
    }
    if (n == w->s->source) {
        return SP_OK;
    }
    switch (node->kind) {
    case SP_NODE_INPUT:
        break;
    case SP_NODE_AFFINE:
        return back_affine(err, w, n);
    case SP_NODE_CURVE:
        return back_curve(err, w, n);
    case SP_NODE_CELL:
        return back_cell(err, w, n, w->s->frames[n], false);
    case SP_NODE_POOL:
        return back_pool(err, w, n);
    }
    return SP_OK;
}

/* From the node below `top` to the source. */
static sp_status back_nodes(sp_error *err, const walk *w, size_t top) {
    for (size_t n = top; n-- > w->s->source;) {
        if (w->node[n].middle != NULL) {
            SP_TRY(back_node(err, w, n));
            clear_slopes(&w->node[n]);
        }
    }
    return SP_OK;
}

static void end_walk(walk *w) {
    for (size_t n = 0; w->node != NULL && n < w->s->net->nodes; n++) {
        clear_slopes(&w->node[n]);
    }
    free(w->node);
    for (size_t r = 0; r < w->rows; r++) {
        w->sum[r] *= 1.0 + 0x1p-20; // the doubles of this file, generously
    }
}

sp_status sp_single_output(sp_error *err, const sp_single *s, double *sum, const double *weight,
                           size_t rows) {
    const size_t output = s->net->nodes - 1;
    walk w = {s, rows, calloc(s->net->nodes, sizeof *w.node), sum};
    memset(sum, 0, rows * sizeof *sum);
    sp_status status = w.node != NULL ? make_node(err, &w, output) : out_of_memory(err);
    if (status == SP_OK) {
        memcpy(w.node[output].middle, weight, rows * s->net->classes * sizeof *weight);
        status = back_nodes(err, &w, output + 1);
    }
    end_walk(&w);
    return status;
}

sp_status sp_single_states(sp_error *err, const sp_single *s, double *sum, size_t node, size_t at) {
    const size_t rows = s->steps[node].states * s->net->node[node].width;
    walk w = {s, rows, calloc(s->net->nodes, sizeof *w.node), sum};
    memset(sum, 0, rows * sizeof *sum);
    sp_status status = w.node != NULL ? back_cell(err, &w, node, at + 1, true) : out_of_memory(err);
    status = status == SP_OK ? back_nodes(err, &w, node) : status;
    end_walk(&w);
    return status;
}

double sp_single_states_work(const sp_single *s, size_t node, size_t at) {
    const size_t rows = s->steps[node].states * s->net->node[node].width;
    double work = (double)(at + 1) * (double)sp_node_parameters(&s->net->node[node]);
    for (size_t n = s->source; n < node; n++) {
        work += (double)s->frames[n] * (double)sp_node_parameters(&s->net->node[n]);
    }
    return 2.0 * (double)rows * work;
}
