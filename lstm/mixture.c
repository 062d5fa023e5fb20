// R2's OPT [R2, section 3.2 and algorithm 1]: every final row mixes the candidate planes of
// every product by softmax weights of its own, raised by Adam on the gradient of its bound. Unlike
// PROVER's code, which keeps one set of planes for all layers, each layer has its own: sound for
// any number.
//
// A mixture of valid planes is valid; what rounding adds to its weights and sums is below 32 u of
// the mass of the menu, and counted with the terms of the walk (rows.c: the chain is longer than
// 64).
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/adam.h"
#include "base/random.h"
#include "lstm/layers.h"

enum { MOST_SCORES = 2 * SP_R2_CANDIDATES };

static const double adam_rate = 100.0, adam_decay = 0.98; /* [R2, section 5] */

/* The units of product i, in the order of sp_mixture.product. */
static size_t units_of(const sp_bounds *bounds, size_t i) {
    const sp_layer *layer = &bounds->net->layer[i / SP_MENUS % bounds->net->layers];
    const sp_shape shape = sp_layer_ops_of(layer)->shape(layer);
    return shape.menu[i % SP_MENUS] == SP_MENU_PRODUCT ? layer->out : 0;
}

static size_t products_of(const sp_bounds *bounds) {
    return bounds->front->frames * bounds->net->layers * SP_MENUS;
}

sp_status sp_mixture_init(sp_error *err, sp_mixture *mix, const sp_bounds *bounds, size_t rows,
                          uint64_t seed) {
    const size_t products = products_of(bounds);
    size_t units = 0;
    mix->scores = MOST_SCORES;
    for (size_t i = 0; i < products; i++) {
        units += units_of(bounds, i);
    }
    const size_t per_unit = 4 * mix->scores + 4;
    mix->memory = calloc(rows * units * per_unit + 1, sizeof *mix->memory);
    mix->product = calloc(products, sizeof *mix->product);
    if (mix->memory == NULL || mix->product == NULL) {
        sp_mixture_clear(mix);
        return sp_fail(err, SP_E_MEMORY, "out of memory for the mixtures of %zu rows", rows);
    }
    double *at = mix->memory;
    sp_random random = {seed};
    for (size_t i = 0; i < products; i++) {
        const size_t n = rows * units_of(bounds, i), scores = n * mix->scores;
        sp_mixed *m = &mix->product[i];
        m->score = at;
        m->gradient = m->score + scores;
        m->first = m->gradient + scores;
        m->second = m->first + scores;
        m->w = m->second + scores;
        m->a = m->w + n;
        m->b = m->a + n;
        m->c = m->b + n;
        at = m->c + n;
        for (size_t k = 0; k < scores; k++) {
            m->score[k] = sp_random_sign(&random);
        }
    }
    return SP_OK;
}

void sp_mixture_clear(sp_mixture *mix) {
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

void sp_mixture_back(sp_walk *walk, const sp_gpu_menu *menu, sp_mixed *mixed, sp_rows in, double *x,
                     size_t ldx, double *y, size_t ldy, bool add) {
    const size_t n = menu->n, K = menu->lower;
    double weight[SP_R2_CANDIDATES];
    for (size_t i = 0; i < walk->rows * n; i++) {
        const size_t r = i / n, j = i % n;
        const double v = in.w[r * in.ld + j];
        const size_t side = v >= 0.0 ? 0 : 1;
        double a = 0.0, b = 0.0, c = 0.0;
        softmax(K, mixed->score + (2 * i + side) * K, weight);
        for (size_t k = 0; k < K; k++) {
            const size_t at = (side * K + k) * n + j;
            a += weight[k] * menu->a[at];
            b += weight[k] * menu->b[at];
            c += weight[k] * menu->c[at];
        }
        mixed->w[i] = v;
        mixed->a[i] = a;
        mixed->b[i] = b;
        mixed->c[i] = c;
        x[r * ldx + j] = v * a;
        y[r * ldy + j] = add ? y[r * ldy + j] + v * b : v * b;
        walk->ws->bias[r] += v * c;
        walk->ws->mass[r] += fabs(v) * menu->mass[j];
    }
}

void sp_mixture_value(sp_walk *walk, const sp_gpu_menu *menu, sp_mixed *mixed, sp_rows x, sp_rows y,
                      double *value) {
    const size_t n = menu->n, K = menu->lower;
    double weight[SP_R2_CANDIDATES];
    for (size_t i = 0; i < walk->rows * n; i++) {
        const size_t r = i / n, j = i % n;
        const double px = x.w[r * x.ld + j], py = y.w[r * y.ld + j];
        const size_t side = mixed->w[i] >= 0.0 ? 0 : 1;
        const double *score = mixed->score + (2 * i + side) * K;
        double *gradient = mixed->gradient + 2 * i * K;
        value[i] = mixed->a[i] * px + mixed->b[i] * py + mixed->c[i];
        softmax(K, score, weight);
        for (size_t k = 0; k < K; k++) {
            const size_t at = (side * K + k) * n + j;
            const double plane = menu->a[at] * px + menu->b[at] * py + menu->c[at];
            gradient[side * K + k] = mixed->w[i] * weight[k] * (plane - value[i]);
            gradient[(1 - side) * K + k] = 0.0;
        }
    }
}

void sp_mixture_step(sp_mixture *mix, const sp_bounds *bounds, size_t rows, size_t epoch) {
    const double rate = adam_rate * pow(adam_decay, (double)epoch);
    const double mean_weight = sp_adam_weight(SP_ADAM_MEAN, (double)epoch + 1.0);
    const double square_weight = sp_adam_weight(SP_ADAM_SQUARE, (double)epoch + 1.0);
    for (size_t i = 0; i < products_of(bounds); i++) {
        sp_mixed *m = &mix->product[i];
        for (size_t k = 0; k < rows * units_of(bounds, i) * mix->scores; k++) {
            sp_adam_track(&m->first[k], &m->second[k], m->gradient[k]);
            m->score[k] +=
                sp_adam_step(rate, m->first[k] / mean_weight, m->second[k] / square_weight);
        }
    }
}
