// R2's OPT [R2, section 3.2 and algorithm 1]: every final row mixes the candidate planes of every
// product by softmax weights of its own, raised by Adam on the gradient of its bound. Unlike R2's
// released code, which keeps one set of planes for all layers, each layer has its own: sound for
// any number.
//
// A mixture of valid planes is valid; what rounding adds to its weights and sums is below 32 u of
// the mass of the menu, and counted with the terms of the walk, whose chain is longer than 64.
#include "lstm/r2opt/mixture.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/random.h"

enum { SCORES = 2 * SP_R2_CANDIDATES };

static const double adam_rate = 100.0, adam_decay = 0.98; /* [R2, section 5] */

/* The units of variable v of a node, if it is a product. */
static size_t units_of(const sp_backsub *self, size_t node, int v) {
    const sp_boxes *boxes = &self->boxes;
    if (boxes->net->node[node].kind != SP_NODE_CELL) {
        return 0;
    }
    const sp_cell_steps *steps = &boxes->constants[node].cell;
    const bool product = v < (int)steps->count && steps->variable[v].op == SP_CELL_PRODUCT &&
                         steps->variable[v].used;
    return product ? boxes->net->node[node].width : 0;
}

static sp_r2opt_mixed *mixed_at(const sp_r2opt_mixture *mix, size_t node, size_t t, int v) {
    return mix->product + (mix->self->boxes.first[node] + t) * SP_CELL_VARIABLES + (size_t)v;
}

static size_t most_frames(const sp_boxes *boxes) {
    size_t most = 0;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        const size_t frames = sp_boxes_frames(boxes, 0, i);
        most = frames > most ? frames : most;
    }
    return most;
}

/* Calls visit(context, product, units) for every product, step by step. */
typedef void sp_visit(void *context, sp_r2opt_mixed *product, size_t units);
static void each_product(const sp_r2opt_mixture *mix, sp_visit *visit, void *context) {
    const sp_boxes *boxes = &mix->self->boxes;
    const size_t frames = most_frames(boxes);
    for (size_t t = 0; t < frames; t++) {
        for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
            for (int v = 0; v < SP_CELL_VARIABLES && t < sp_boxes_frames(boxes, 0, i); v++) {
                const size_t units = units_of(mix->self, i, v);
                if (units > 0) {
                    visit(context, mix->product != NULL ? mixed_at(mix, i, t, v) : NULL, units);
                }
            }
        }
    }
}

static void count_units(void *context, sp_r2opt_mixed *product, size_t units) {
    (void)product;
    *(size_t *)context += units;
}

typedef struct sp_taking {
    double *at;
    size_t rows;
    sp_random random;
} sp_taking;

static void take_product(void *context, sp_r2opt_mixed *m, size_t units) {
    sp_taking *taking = context;
    const size_t n = taking->rows * units, scores = n * SCORES;
    m->score = taking->at;
    m->gradient = m->score + scores;
    m->first = m->gradient + scores;
    m->second = m->first + scores;
    m->w = m->second + scores;
    m->a = m->w + n;
    m->b = m->a + n;
    m->c = m->b + n;
    taking->at = m->c + n;
    for (size_t k = 0; k < scores; k++) {
        m->score[k] = sp_random_sign(&taking->random);
    }
}

sp_status sp_r2opt_mixture_init(sp_error *err, sp_r2opt_mixture *mix, const sp_backsub *self,
                                size_t rows, uint64_t seed) {
    const sp_boxes *boxes = &self->boxes;
    size_t units = 0, states = 0;
    for (size_t i = boxes->source + 1; i < boxes->net->nodes; i++) {
        states += sp_boxes_frames(boxes, 0, i);
    }
    *mix = (sp_r2opt_mixture){.self = self, .states = states, .rows = rows};
    each_product(mix, count_units, &units);
    mix->memory = calloc(rows * units * (4 * SCORES + 4) + 1, sizeof *mix->memory);
    mix->product = calloc(states * SP_CELL_VARIABLES + 1, sizeof *mix->product);
    if (mix->memory == NULL || mix->product == NULL) {
        sp_r2opt_mixture_clear(mix);
        return sp_fail(err, SP_E_MEMORY, "out of memory for the mixtures of %zu rows", rows);
    }
    sp_taking taking = {mix->memory, rows, {seed}};
    each_product(mix, take_product, &taking);
    return SP_OK;
}

void sp_r2opt_mixture_clear(sp_r2opt_mixture *mix) {
    free(mix->memory);
    free(mix->product);
    mix->memory = NULL;
    mix->product = NULL;
}

/* Softmax of K scores: weights >= 0 of sum 1 up to rounding. */
static void softmax(size_t K, const double *score, double *weight) {
    double most = score[0], sum = 0.0;
    for (size_t k = 1; k < K; k++) {
        most = score[k] > most ? score[k] : most;
    }
    for (size_t k = 0; k < K; k++) {
        weight[k] = exp(score[k] - most);
        sum += weight[k];
    }
    for (size_t k = 0; k < K; k++) {
        weight[k] /= sum;
    }
}

static void back(void *mixture, sp_walk *walk, size_t node, size_t t, int v, sp_backsub_rows in,
                 sp_backsub_rows x, sp_backsub_rows y, bool add) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_gpu_menu *menu = &sp_backsub_relaxations_at(walk->self, node, t)->menu[v];
    const size_t n = menu->n, K = menu->lower;
    const sp_r2opt_mixed *mixed = mixed_at(mixture, node, t, v);
    const double *w = sp_boxes_program(boxes, in.at);
    double *to_x = sp_boxes_program(boxes, x.at), *to_y = sp_boxes_program(boxes, y.at);
    double *bias = sp_boxes_program(boxes, walk->ws->bias);
    double *mass = sp_boxes_program(boxes, walk->ws->mass);
    double weight[SP_R2_CANDIDATES];
    for (size_t i = 0; i < walk->rows * n; i++) {
        const size_t r = i / n, j = i % n;
        const double c_in = w[r * in.ld + j];
        const size_t side = c_in >= 0.0 ? 0 : 1;
        double a = 0.0, b = 0.0, c = 0.0, constant = 0.0;
        softmax(K, mixed->score + (2 * i + side) * K, weight);
        for (size_t k = 0; k < K; k++) {
            const size_t at = (side * K + k) * n + j;
            a += weight[k] * menu->a[at];
            b += weight[k] * menu->b[at];
            c += weight[k] * menu->c[at];
            constant += weight[k] * menu->constant[at];
        }
        mixed->w[i] = c_in;
        mixed->a[i] = a;
        mixed->b[i] = b;
        mixed->c[i] = c;
        to_x[r * x.ld + j] = c_in * a;
        to_y[r * y.ld + j] = add ? to_y[r * y.ld + j] + c_in * b : c_in * b;
        bias[r] += c_in * constant;
        mass[r] += fabs(c_in) * menu->mass[j];
    }
}

static void value(void *mixture, sp_walk *walk, size_t node, size_t t, int v, sp_backsub_rows x,
                  sp_backsub_rows y, sp_backsub_rows out) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_gpu_menu *menu = &sp_backsub_relaxations_at(walk->self, node, t)->menu[v];
    const size_t n = menu->n, K = menu->lower;
    const sp_r2opt_mixed *mixed = mixed_at(mixture, node, t, v);
    const double *at_x = sp_boxes_program(boxes, x.at), *at_y = sp_boxes_program(boxes, y.at);
    double *to = sp_boxes_program(boxes, out.at);
    double weight[SP_R2_CANDIDATES];
    for (size_t i = 0; i < walk->rows * n; i++) {
        const size_t r = i / n, j = i % n;
        const double px = at_x[r * x.ld + j], py = at_y[r * y.ld + j];
        const size_t side = mixed->w[i] >= 0.0 ? 0 : 1;
        const double *score = mixed->score + (2 * i + side) * K;
        double *gradient = mixed->gradient + 2 * i * K;
        const double mean = mixed->a[i] * px + mixed->b[i] * py + mixed->c[i];
        to[r * out.ld + j] = mean;
        softmax(K, score, weight);
        for (size_t k = 0; k < K; k++) {
            const size_t at = (side * K + k) * n + j;
            const double plane = menu->a[at] * px + menu->b[at] * py + menu->c[at];
            gradient[side * K + k] = mixed->w[i] * weight[k] * (plane - mean);
            gradient[(1 - side) * K + k] = 0.0;
        }
    }
}

const sp_walk_mixer sp_r2opt_mixture_mixer = {back, value};

/* The rate of a step, and the weights of the means. */
typedef struct sp_stepping {
    double rate, mean, square;
    size_t rows;
} sp_stepping;

static void step_product(void *context, sp_r2opt_mixed *m, size_t units) {
    const sp_stepping *step = context;
    for (size_t k = 0; k < step->rows * units * SCORES; k++) {
        sp_adam_track(&m->first[k], &m->second[k], m->gradient[k]);
        m->score[k] +=
            sp_adam_step(step->rate, m->first[k] / step->mean, m->second[k] / step->square);
    }
}

void sp_r2opt_mixture_step(sp_r2opt_mixture *mix, size_t epoch) {
    sp_stepping step = {adam_rate * pow(adam_decay, (double)epoch),
                        sp_adam_weight(SP_ADAM_MEAN, (double)epoch + 1.0),
                        sp_adam_weight(SP_ADAM_SQUARE, (double)epoch + 1.0), mix->rows};
    each_product(mix, step_product, &step);
}
