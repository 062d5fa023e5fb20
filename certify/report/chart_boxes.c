/* Spreads side by side, as boxes with whiskers. */
#include "certify/report/chart_draw.h"

#include <math.h>

enum { LOW, QUARTER, MEDIAN, THREE, HIGH }; /* of sp_paired_spread.quantile */

typedef struct page {
    cairo_t *c;
    const sp_chart_boxes *boxes;
    double least, most; /* of scaled values */
} page;

/* Linear near 0, logarithmic beyond 1. */
static double scaled(double value) {
    return asinh(value);
}

static double place_y(const page *p, double value) {
    const double part = (scaled(value) - p->least) / (p->most - p->least);
    return SP_CHART_HEIGHT - SP_CHART_BOTTOM -
           part * (SP_CHART_HEIGHT - SP_CHART_BOTTOM - SP_CHART_TOP);
}

static void take_range(page *p) {
    p->least = scaled(-1.0);
    p->most = scaled(1.0);
    for (size_t i = 0; i < p->boxes->groups * p->boxes->count; i++) {
        const sp_paired_spread *box = &p->boxes->box[i];
        if (box->count > 0) {
            p->least = fmin(p->least, scaled(box->quantile[LOW]));
            p->most = fmax(p->most, scaled(box->quantile[HIGH]));
        }
    }
    const double air = 0.04 * (p->most - p->least);
    p->least -= air;
    p->most += air;
}

/* ---- axes ---- */

static void draw_tick(const page *p, double value, double *last) {
    const double y = place_y(p, value);
    if (scaled(value) < p->least || scaled(value) > p->most ||
        fabs(y - *last) < 1.4 * SP_CHART_FONT) {
        return;
    }
    *last = y;
    cairo_set_line_width(p->c, 0.5);
    cairo_set_source_rgb(p->c, value == 0.0 ? 0.45 : 0.85, value == 0.0 ? 0.45 : 0.85,
                         value == 0.0 ? 0.45 : 0.85);
    cairo_move_to(p->c, SP_CHART_LEFT, y);
    cairo_line_to(p->c, SP_CHART_WIDTH - SP_CHART_RIGHT, y);
    cairo_stroke(p->c);
    cairo_set_source_rgb(p->c, 0.1, 0.1, 0.1);
    sp_chart_number(p->c, SP_CHART_LEFT - 5.0, y + 0.35 * SP_CHART_FONT, SP_CHART_TO_RIGHT, value);
}

/* 0, and powers of ten of either sign as far as there is room. */
static void draw_y_axis(const page *p) {
    double up = INFINITY, down = INFINITY;
    draw_tick(p, 0.0, &up);
    down = up;
    for (double power = 1.0; power < 1e300 && scaled(power) < fmax(p->most, -p->least);
         power *= 10.0) {
        draw_tick(p, power, &up);
        draw_tick(p, -power, &down);
    }
}

static double group_width(const sp_chart_boxes *boxes) {
    return (SP_CHART_WIDTH - SP_CHART_LEFT - SP_CHART_RIGHT) / (double)boxes->groups;
}

/* Names that would run into each other are left out. */
static void draw_x_axis(const page *p) {
    const double wide = group_width(p->boxes);
    cairo_text_extents_t size;
    double end = -INFINITY;
    sp_chart_frame(p->c, p->boxes->title, p->boxes->x_label, p->boxes->y_label);
    for (size_t g = 0; g < p->boxes->groups; g++) {
        const double x = SP_CHART_LEFT + ((double)g + 0.5) * wide;
        cairo_text_extents(p->c, p->boxes->group[g], &size);
        if (x - 0.5 * size.x_advance > end) {
            sp_chart_text(p->c, x, SP_CHART_HEIGHT - SP_CHART_BOTTOM + 5.5 + SP_CHART_FONT,
                          SP_CHART_CENTRED, p->boxes->group[g]);
            end = x + 0.5 * size.x_advance + 3.0;
        }
    }
}

/* ---- boxes ---- */

static void draw_stroke(const page *p, double x1, double y1, double x2, double y2) {
    cairo_move_to(p->c, x1, y1);
    cairo_line_to(p->c, x2, y2);
    cairo_stroke(p->c);
}

static void draw_box(const page *p, size_t group, size_t series) {
    const sp_paired_spread *box = &p->boxes->box[group * p->boxes->count + series];
    const sp_chart_style *s = sp_chart_style_of(series, p->boxes->count);
    const double step = 0.84 * group_width(p->boxes) / (double)p->boxes->count;
    const double x = SP_CHART_LEFT + (double)group * group_width(p->boxes) +
                     0.08 * group_width(p->boxes) + ((double)series + 0.5) * step;
    const double half = fmin(0.36 * step, 11.0);
    double y[SP_PAIRED_QUANTILES];
    if (box->count == 0) {
        return;
    }
    for (int q = 0; q < SP_PAIRED_QUANTILES; q++) {
        y[q] = place_y(p, box->quantile[q]);
    }
    cairo_set_source_rgb(p->c, s->red, s->green, s->blue);
    cairo_set_dash(p->c, NULL, 0, 0.0);
    cairo_set_line_width(p->c, 1.1);
    draw_stroke(p, x, y[LOW], x, y[QUARTER]);
    draw_stroke(p, x, y[THREE], x, y[HIGH]);
    draw_stroke(p, x - 0.6 * half, y[LOW], x + 0.6 * half, y[LOW]);
    draw_stroke(p, x - 0.6 * half, y[HIGH], x + 0.6 * half, y[HIGH]);
    cairo_rectangle(p->c, x - half, y[THREE], 2.0 * half, y[QUARTER] - y[THREE]);
    cairo_set_source_rgba(p->c, s->red, s->green, s->blue, 0.18);
    cairo_fill_preserve(p->c);
    cairo_set_source_rgb(p->c, s->red, s->green, s->blue);
    cairo_stroke(p->c);
    cairo_set_line_width(p->c, 2.0);
    draw_stroke(p, x - half, y[MEDIAN], x + half, y[MEDIAN]);
    sp_chart_draw_marker(p->c, s, x, y[MEDIAN]);
}

static void draw(cairo_t *c, const void *context) {
    page p = {c, context, 0.0, 1.0};
    take_range(&p);
    draw_y_axis(&p);
    draw_x_axis(&p);
    for (size_t g = 0; g < p.boxes->groups; g++) {
        for (size_t s = 0; s < p.boxes->count; s++) {
            draw_box(&p, g, s);
        }
    }
    double y = SP_CHART_TOP + 8.0;
    for (size_t s = p.boxes->count; s-- > 0; y += 17.0) { // as in line charts
        sp_chart_name(c, sp_chart_style_of(s, p.boxes->count), y, p.boxes->series[s]);
    }
}

sp_status sp_chart_boxes_write(sp_error *err, const sp_chart_boxes *boxes, const char *path) {
    return boxes->groups > 0 && boxes->count > 0
               ? sp_chart_save(err, path, draw, boxes)
               : sp_fail(err, SP_E_ARGUMENT, "a chart of boxes needs some");
}
