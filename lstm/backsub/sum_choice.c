// Products that a cell adds up, whose menus end with planes of the sum: which they are, and what
// rows choose of them. A row has one coefficient on the two products, so that it takes such an
// entry of both or of none. Source: docs/theory/sums.md.
#include "base/hd.h"
#include "lstm/backsub/impl.h"

/* ---- which products ---- */

/* Whether nothing but the sum reads variable v. */
static bool read_once(const sp_cell_steps *steps, int v, int sum) {
    bool once = v != steps->output;
    for (int i = 0; i < (int)steps->count; i++) {
        const sp_cell_variable *at = &steps->variable[i];
        once = once && (i == sum || !at->used || (at->a != v && at->b != v));
    }
    for (size_t i = 0; i < steps->states; i++) {
        once = once && steps->state[i].after != v;
    }
    return once;
}

static bool has_planes(const sp_cell_steps *steps, int v, int sum) {
    return v != SP_NO_VARIABLE && sp_backsub_is_cut(steps, v) &&
           sp_sum_is_known(&steps->variable[v].map) && read_once(steps, v, sum);
}

/* Whether the second argument of a product is a pre-activation; the first one of a cut product is.
 */
static bool stands_on_image(const sp_cell_steps *steps, int product) {
    return steps->variable[steps->variable[product].b].op == SP_CELL_IMAGE;
}

bool sp_backsub_is_summed(const sp_cell_steps *steps, int sum) {
    const sp_cell_variable *s = &steps->variable[sum];
    // rows stand on pre-activations and one other variable
    return s->op == SP_CELL_SUM && s->used && s->a != s->b && has_planes(steps, s->a, sum) &&
           has_planes(steps, s->b, sum) &&
           (stands_on_image(steps, s->a) || stands_on_image(steps, s->b));
}

size_t sp_backsub_shared(const sp_backsub *self, const sp_cell_steps *steps, int product) {
    for (int s = 0; self->sums && s < (int)steps->count; s++) {
        const sp_cell_variable *at = &steps->variable[s];
        if ((at->a == product || at->b == product) && sp_backsub_is_summed(steps, s)) {
            return SP_SUM_PLANES;
        }
    }
    return 0;
}

/* ---- choosing ---- */

enum { BLOCK = 16 };

/* The anchors of one row in a block of units, clamped into the boxes. */
static inline void anchors_of(size_t count, const float *SP_RESTRICT anchor,
                              const double *SP_RESTRICT lo, const double *SP_RESTRICT hi,
                              float *SP_RESTRICT at) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        const double from = anchor[i], raised = from > lo[i] ? from : lo[i];
        at[i] = (float)(raised < hi[i] ? raised : hi[i]);
    }
}

static inline void add_value(size_t count, const float *SP_RESTRICT plane, size_t n,
                             const float *SP_RESTRICT x, const float *SP_RESTRICT y,
                             float *SP_RESTRICT sum) {
    const float *SP_RESTRICT a = plane, *SP_RESTRICT b = plane + n, *SP_RESTRICT c = plane + 2 * n;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        sum[i] += a[i] * x[i] + b[i] * y[i] + c[i];
    }
}

/* A block of units of one row. */
typedef struct sp_sum_choice {
    const sp_gpu_menu *menu[2];
    size_t first, count;
    float x[2][BLOCK], y[2][BLOCK];
    unsigned char *entry[2];
} sp_sum_choice;

/* Both products with the entries that they chose apart, from below. */
static void value_apart(const sp_sum_choice *c, float *best) {
    const size_t n = c->menu[0]->n, lower = c->menu[0]->lower;
    for (size_t i = 0; i < c->count; i++) {
        float sum = 0.0F;
        for (int m = 0; m < 2; m++) {
            const float *p = c->menu[m]->rough + 3 * (size_t)c->entry[m][i] * n + c->first + i;
            sum += p[0] * c->x[m][i] + p[n] * c->y[m][i] + p[2 * n];
        }
        best[i] = c->entry[0][i] < lower ? sum : -sum;
    }
}

/* The best of the shared entries where it is better than those that the products chose apart. */
static void choose_block(const sp_sum_choice *c) {
    const size_t n = c->menu[0]->n, lower = c->menu[0]->lower, shared = c->menu[0]->shared;
    float best[BLOCK], found[BLOCK] = {0.0F};
    value_apart(c, best);
    for (size_t k = 0; k < shared; k++) {
        float below[BLOCK] = {0.0F}, above[BLOCK] = {0.0F};
        for (int m = 0; m < 2; m++) {
            const float *rough = c->menu[m]->rough + c->first;
            add_value(c->count, rough + 3 * (lower - shared + k) * n, n, c->x[m], c->y[m], below);
            add_value(c->count, rough + 3 * (2 * lower - shared + k) * n, n, c->x[m], c->y[m],
                      above);
        }
        for (size_t i = 0; i < c->count; i++) {
            const float value = c->entry[0][i] < lower ? below[i] : -above[i];
            found[i] = value > best[i] ? (float)(k + 1) : found[i];
            best[i] = value > best[i] ? value : best[i];
        }
    }
    for (size_t i = 0; i < c->count; i++) {
        const size_t side = c->entry[0][i] < lower ? 0 : lower;
        if (found[i] > 0.0F && (c->entry[1][i] < lower) == (side == 0)) {
            c->entry[0][i] = c->entry[1][i] =
                (unsigned char)(side + lower - shared + (size_t)found[i] - 1);
        }
    }
}

void sp_walk_choose_sum(const sp_walk *walk, size_t rows, size_t node, size_t t, int sum) {
    const sp_boxes *boxes = &walk->self->boxes;
    const sp_cell_steps *steps = &boxes->constants[node].cell;
    const int product[2] = {steps->variable[sum].a, steps->variable[sum].b};
    const sp_backsub_choices *choices = sp_backsub_choices_at(walk, node, t);
    const sp_backsub_relaxations *at = sp_backsub_relaxations_at(walk->self, node, t);
    sp_sum_choice c = {.menu = {&at->menu[product[0]], &at->menu[product[1]]}};
    const size_t n = c.menu[0]->n;
    for (size_t block = 0; block < rows * n; block += c.count) {
        const size_t r = block / n, j = block % n;
        c.first = j;
        c.count = n - j < BLOCK ? n - j : BLOCK;
        for (int m = 0; m < 2; m++) {
            const sp_cell_variable *p = &steps->variable[product[m]];
            const sp_boxes_range x = sp_boxes_variable(boxes, node, t, p->a);
            const sp_boxes_range y = sp_boxes_variable(boxes, node, t, p->b);
            const float *anchor = choices->anchor[product[m]] + r * n + j;
            c.entry[m] = choices->entry[product[m]] + r * n + j;
            anchors_of(c.count, anchor, x.lo.on + j, x.hi.on + j, c.x[m]);
            anchors_of(c.count, anchor + rows * n, y.lo.on + j, y.hi.on + j, c.y[m]);
        }
        choose_block(&c);
    }
}
