// The symbols of affine forms. Of a bounded number those that weigh least in what is still to be
// read give way: what they move becomes noise of each number, which may be any number of that size.
// Source: docs/theory/zonotopes.md 5.
#include <math.h>
#include <stdlib.h>

#include "lstm/zonotope/impl.h"

static double reach_of(const double *g, size_t symbols) {
    double sum = 0.0;
    for (size_t s = 0; s < symbols; s++) {
        sum += fabs(g[s]);
    }
    return sum;
}

/* Calls for the first n numbers of a form. */
typedef void (*visit)(sp_zonotope *z, sp_zonotope_form *form, size_t n);

/* All forms that are still read: of nodes with readers to come, and of the cell at hand. */
static void for_all_forms(sp_zonotope *z, visit call) {
    const sp_boxes *boxes = &z->boxes;
    for (size_t t = 0; z->last[boxes->source] >= z->node && t < boxes->front->frames; t++) {
        call(z, z->features + t, z->features[t].n);
    }
    for (size_t i = boxes->source + 1; i <= z->node; i++) {
        for (size_t t = 0; z->last[i] >= z->node && t < sp_boxes_frames(boxes, 0, i); t++) {
            sp_zonotope_form *form = z->out + boxes->first[i] + t;
            call(z, form, form->n);
        }
    }
    for (size_t v = 0; v < SP_CELL_VARIABLES; v++) {
        call(z, &z->variable[v], z->hidden);
    }
    for (size_t k = 0; k < SP_ZONOTOPE_FACTORS; k++) {
        call(z, &z->factor[k], 1);
    }
}

/* The share of each symbol in the reach of each number. */
static void weigh(sp_zonotope *z, sp_zonotope_form *form, size_t n) {
    for (size_t j = 0; j < n; j++) {
        const double *g = form->generator + j * z->capacity; /* generator[j,:] */
        const double all = reach_of(g, z->symbols), share = all > 0.0 ? 1.0 / all : 0.0;
        for (size_t s = 0; s < z->symbols; s++) {
            z->weight[s].weight += share * fabs(g[s]);
        }
    }
}

/* The heavier first; of equals the older one. */
static int by_weight(const void *a, const void *b) {
    const sp_zonotope_weight *x = a, *y = b;
    return x->weight > y->weight   ? -1
           : x->weight < y->weight ? 1
                                   : (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

static int by_symbol(const void *a, const void *b) {
    const sp_zonotope_weight *x = a, *y = b;
    return (x->symbol > y->symbol) - (x->symbol < y->symbol);
}

/* The first `kept` of the weights are those that stay, in the order of their symbols. */
static void shift(sp_zonotope *z, sp_zonotope_form *form, size_t n) {
    const size_t symbols = z->symbols, kept = z->kept;
    for (size_t j = 0; j < n; j++) {
        double *g = form->generator + j * z->capacity; /* generator[j,:] */
        double lost = 0.0;
        for (size_t k = 0, s = 0; s < symbols; s++) {
            if (k < kept && z->weight[k].symbol == s) {
                g[k++] = g[s];
            } else {
                lost += fabs(g[s]);
            }
        }
        for (size_t s = kept; s < symbols; s++) {
            g[s] = 0.0;
        }
        const double most = sp_above(lost * (1.0 + sp_gamma((double)symbols + 2.0)));
        form->noise[j] = lost > 0.0 ? sp_above(form->noise[j] + most) : form->noise[j] + lost;
    }
}

void sp_zonotope_reduce(sp_zonotope *z) {
    const size_t symbols = z->symbols;
    z->kept = symbols - symbols / 4;
    for (size_t s = 0; s < symbols; s++) {
        z->weight[s] = (sp_zonotope_weight){0.0, s};
    }
    for_all_forms(z, weigh);
    for (size_t s = 0; s < symbols; s++) {
        z->weight[s].weight = z->weight[s].weight >= 0.0 ? z->weight[s].weight : 0.0; // NaN
    }
    qsort(z->weight, symbols, sizeof *z->weight, by_weight);
    qsort(z->weight, z->kept, sizeof *z->weight, by_symbol);
    for_all_forms(z, shift);
    z->symbols = z->kept;
}

size_t sp_zonotope_symbol(sp_zonotope *z) {
    if (z->symbols == z->capacity && z->options.symbols > 0) {
        sp_zonotope_reduce(z);
    }
    return z->symbols < z->capacity ? z->symbols++ : SP_ZONOTOPE_NONE;
}
