// Planes for both products of a sum together, as in the cell of an LSTM: rows bound combinations of
// the arguments of both, and entries at the end of their menus are planes of the sum that hold in
// these bounds. Source: docs/theory/sums.md.
#include <math.h>
#include <string.h>

#include "base/pool.h"
#include "gpu/menu.h"
#include "lstm/backsub/impl.h"

enum { UNITS_PER_TASK = 4, STRIPS_AT_ONCE = SP_SUM_STRIPS / 2 };

/* ---- strips ---- */

static const sp_cell_variable *argument(const sp_cell_steps *steps, int product, int i) {
    const sp_cell_variable *p = &steps->variable[product];
    return &steps->variable[i == 0 ? p->a : p->b];
}

/* A sum of a cell at a step. */
typedef struct sp_summed {
    sp_backsub *self;
    const sp_cell_steps *steps;
    size_t node, t, H;
    int product[2];
    const sp_cut *cut[2]; /* [H] */
} sp_summed;

static double half_range(const sp_cut *cut, bool minus) {
    const sp_iv range = minus ? cut->difference : cut->sum;
    const double half = 0.5 * (range.hi - range.lo);
    return half > 0x1p-100 && half < 0x1p100 ? half : 1.0;
}

/* Strip k of a unit: the sum or the difference of the one product's cut, plus or minus those of the
 * other's, each in units of half its range. */
static sp_sum_strip strip_of(const sp_summed *s, size_t j, int k) {
    sp_sum_strip strip;
    for (int i = 0; i < 2; i++) {
        const sp_cut *cut = s->cut[i] + j;
        const bool minus = (k >> i & 1) != 0;
        const double sign = i == 1 && (k & 4) != 0 ? -1.0 : 1.0;
        const double half = half_range(cut, minus);
        strip.a[i] = sign * cut->p / half;
        strip.b[i] = (minus ? -sign : sign) * cut->q / half;
    }
    strip.range.lo = -INFINITY;
    strip.range.hi = INFINITY;
    return strip;
}

/* One row of a strip or, for sign -1, its negative. */
static void write_row(const sp_summed *s, size_t row, size_t j, const sp_sum_strip *strip,
                      double sign) {
    const size_t images = s->steps->images * s->H;
    double *image = s->self->strip_images.on + row * images;
    double *other = s->self->strip_other.on + row * s->H;
    memset(image, 0, images * sizeof *image);
    memset(other, 0, s->H * sizeof *other);
    for (int i = 0; i < 2; i++) {
        const sp_cell_variable *x = argument(s->steps, s->product[i], 0);
        const sp_cell_variable *y = argument(s->steps, s->product[i], 1);
        image[x->place * s->H + j] = sign * strip->a[i];
        if (y->op == SP_CELL_IMAGE) {
            image[y->place * s->H + j] = sign * strip->b[i];
        } else {
            other[j] = sign * strip->b[i];
        }
    }
}

/* Bounds of the strips [first, first + STRIPS_AT_ONCE) of all units. */
static void bound_strips(const sp_summed *s, int run, int first) {
    sp_backsub *self = s->self;
    const size_t rows = STRIPS_AT_ONCE * s->H * 2;
    const sp_boxes_array none = {NULL};
    sp_backsub_start start = {.node = s->node, .t = s->t, .end = run};
    start.images = (sp_backsub_rows){self->strip_images, s->steps->images * s->H};
    for (int i = 0; i < 2; i++) {
        if (argument(s->steps, s->product[i], 1)->op != SP_CELL_IMAGE) {
            start.on[0] = (sp_backsub_rows){self->strip_other, s->H};
            start.variable[0] = s->steps->variable[s->product[i]].b;
        }
    }
    for (size_t row = 0; row < rows; row += 2) {
        const size_t j = row / 2 / STRIPS_AT_ONCE;
        const int k = first + (int)(row / 2 % STRIPS_AT_ONCE);
        self->strip[j * SP_SUM_STRIPS + (size_t)k] = strip_of(s, j, k);
        write_row(s, row, j, &self->strip[j * SP_SUM_STRIPS + (size_t)k], 1.0);
        write_row(s, row + 1, j, &self->strip[j * SP_SUM_STRIPS + (size_t)k], -1.0);
    }
    sp_backsub_lower_rows(self, self->box_lower, none, &start, rows, self->options.box_iterations,
                          false);
    for (size_t row = 0; row < rows; row += 2) {
        const size_t j = row / 2 / STRIPS_AT_ONCE, k = (size_t)first + row / 2 % STRIPS_AT_ONCE;
        self->strip[j * SP_SUM_STRIPS + k].range.lo = self->box_lower.on[row];
        self->strip[j * SP_SUM_STRIPS + k].range.hi = -self->box_lower.on[row + 1];
    }
}

/* ---- planes ---- */

static sp_box box_of(const sp_summed *s, int i, size_t j) {
    const sp_boxes *boxes = &s->self->boxes;
    const sp_cell_variable *p = &s->steps->variable[s->product[i]];
    const sp_boxes_range x = sp_boxes_variable(boxes, s->node, s->t, p->a);
    const sp_boxes_range y = sp_boxes_variable(boxes, s->node, s->t, p->b);
    return (sp_box){{x.lo.on[j], x.hi.on[j]}, {y.lo.on[j], y.hi.on[j]}};
}

static sp_plane entry_of(const sp_gpu_menu *menu, size_t e, size_t j) {
    const size_t at = e * menu->n + j;
    return (sp_plane){menu->a[at], menu->b[at], menu->c[at]};
}

/* Fills the shared entries of unit j of product i: with `plane` [2, SP_SUM_PLANES], those below
 * and those above; NULL: with the standard ones. */
static void fill(const sp_summed *s, int i, size_t j, sp_box box,
                 sp_sum_plane plane[2][SP_SUM_PLANES]) {
    sp_gpu_menu *menu = &sp_backsub_relaxations_at(s->self, s->node, s->t)->menu[s->product[i]];
    const double x = sp_iv_mag(box.x), y = sp_iv_mag(box.y);
    for (size_t k = 0; k < 2 * SP_SUM_PLANES; k++) {
        const size_t upper = k / SP_SUM_PLANES, at = k % SP_SUM_PLANES;
        const size_t e = (upper + 1) * menu->lower - SP_SUM_PLANES + at;
        const sp_plane p =
            plane != NULL ? plane[upper][at].of[i] : entry_of(menu, upper * menu->lower, j);
        sp_gpu_menu_store(menu, e, j, p);
        menu->mass[j] = sp_gpu_menu_raise(menu->mass[j], e, p, x, y);
    }
}

static void relax_unit(const sp_summed *s, size_t j) {
    sp_sum_product of[2];
    sp_sum_plane plane[2][SP_SUM_PLANES];
    for (int i = 0; i < 2; i++) {
        of[i] = (sp_sum_product){s->steps->variable[s->product[i]].map.product, box_of(s, i, j),
                                 s->cut[i][j]};
    }
    const bool found = sp_sum_planes(of, s->self->strip + j * SP_SUM_STRIPS, plane[0], plane[1]);
    for (int i = 0; i < 2; i++) {
        fill(s, i, j, of[i].box, found ? plane : NULL);
    }
}

static void relax_some(void *context, size_t task) {
    const sp_summed *s = context;
    const size_t first = task * UNITS_PER_TASK;
    for (size_t j = first; j < s->H && j < first + UNITS_PER_TASK; j++) {
        relax_unit(s, j);
    }
}

void sp_backsub_relax_sum(sp_backsub *self, size_t node, size_t t, int first, int sum) {
    const sp_cell_steps *steps = &self->boxes.constants[node].cell;
    const sp_backsub_relaxations *at = sp_backsub_relaxations_at(self, node, t);
    sp_summed s = {.self = self,
                   .steps = steps,
                   .node = node,
                   .t = t,
                   .H = self->boxes.net->node[node].width,
                   .product = {steps->variable[sum].a, steps->variable[sum].b}};
    for (int i = 0; i < 2; i++) {
        s.cut[i] = at->cut[s.product[i]];
    }
    bool zero = false;
    for (int i = 0; i < 2; i++) {
        zero = zero || sp_cell_zero(steps, s.product[i], t == 0);
    }
    for (int i = 0; zero && i < 2; i++) { // one alone, at the first step
        for (size_t j = 0; !sp_cell_zero(steps, s.product[i], t == 0) && j < s.H; j++) {
            fill(&s, i, j, box_of(&s, i, j), NULL);
        }
    }
    if (zero) {
        return;
    }
    for (int k = 0; k < SP_SUM_STRIPS; k += STRIPS_AT_ONCE) {
        bound_strips(&s, first, k);
    }
    sp_pool_run((s.H + UNITS_PER_TASK - 1) / UNITS_PER_TASK, 0, relax_some, &s);
}
