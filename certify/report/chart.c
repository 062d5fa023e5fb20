/* Line charts as SVG and PNG. */
#include "certify/report/chart_draw.h"

#include <math.h>

#define BELOW 4.0 /* percent of air below 0 and above 100, so that no marker hides an axis */
#define ABOVE 2.0
#define SHADE 0.88 /* grey of what is broken */

static const sp_chart_style *style_of(const sp_chart *chart, size_t series) {
    return sp_chart_style_of(series, chart->count);
}

/* ---- from figures to the page ---- */

typedef struct page {
    cairo_t *c;
    const sp_chart *chart;
    double least, most; /* of x, with a margin */
} page;

static double place_x(const page *p, double x) {
    const double part = (x - p->least) / (p->most - p->least);
    return SP_CHART_LEFT +
           (p->chart->flip ? 1.0 - part : part) * (SP_CHART_WIDTH - SP_CHART_LEFT - SP_CHART_RIGHT);
}

static double place_y(double share) {
    return SP_CHART_HEIGHT - SP_CHART_BOTTOM -
           (share + BELOW) / (100.0 + BELOW + ABOVE) *
               (SP_CHART_HEIGHT - SP_CHART_BOTTOM - SP_CHART_TOP);
}

static void take_range(page *p) {
    const double first = p->chart->x[0], last = p->chart->x[p->chart->points - 1];
    const double wide = last > first ? last - first : 1.0;
    p->least = first - 0.03 * wide;
    p->most = last + 0.03 * wide;
}

/* ---- axes ---- */

/* 1, 2 or 5 times a power of ten, so that at most `most` steps cover `wide`. */
static double tick_step(double wide, double most) {
    double step = pow(10.0, floor(log10(wide / most)));
    for (int i = 0; wide / step > most * (1.0 + 1e-9); i++) {
        step *= i % 3 == 1 ? 2.5 : 2.0;
    }
    return step;
}

static void draw_y_axis(const page *p) {
    cairo_t *c = p->c;
    cairo_set_line_width(c, 0.5);
    for (int share = 0; share <= 100; share += 20) {
        const double y = place_y(share);
        cairo_set_source_rgb(c, 0.85, 0.85, 0.85);
        cairo_move_to(c, SP_CHART_LEFT, y);
        cairo_line_to(c, SP_CHART_WIDTH - SP_CHART_RIGHT, y);
        cairo_stroke(c);
        cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
        sp_chart_number(c, SP_CHART_LEFT - 7.0, y + 0.35 * SP_CHART_FONT, SP_CHART_TO_RIGHT, share);
    }
}

static void draw_x_axis(const page *p) {
    cairo_t *c = p->c;
    const double bottom = SP_CHART_HEIGHT - SP_CHART_BOTTOM,
                 step = tick_step(p->most - p->least, 13.0);
    sp_chart_frame(c, p->chart->title, p->chart->x_label, p->chart->y_label);
    for (double x = step * ceil(p->least / step); x <= p->most; x += step) {
        cairo_move_to(c, place_x(p, x), bottom);
        cairo_line_to(c, place_x(p, x), bottom + 3.5);
        cairo_stroke(c);
        sp_chart_number(c, place_x(p, x), bottom + 5.5 + SP_CHART_FONT, SP_CHART_CENTRED, x);
    }
}

/* ---- lines ---- */

static void draw_series(const page *p, size_t index) {
    const sp_chart_style *s = style_of(p->chart, index);
    const double *y = p->chart->series[index].y;
    cairo_t *c = p->c;
    bool drawing = false;
    sp_chart_set_line(c, s);
    cairo_new_path(c);
    for (size_t i = 0; i < p->chart->points; i++) {
        const double x = place_x(p, p->chart->x[i]);
        if (isfinite(y[i]) && drawing) {
            cairo_line_to(c, x, place_y(y[i]));
        } else if (isfinite(y[i])) {
            cairo_move_to(c, x, place_y(y[i]));
        }
        drawing = isfinite(y[i]);
    }
    cairo_stroke(c);
    for (size_t i = 0; i < p->chart->points; i++) {
        if (isfinite(y[i])) {
            sp_chart_draw_marker(c, s, place_x(p, p->chart->x[i]), place_y(y[i]));
        }
    }
}

static void trace_ceiling(const page *p) {
    cairo_new_path(p->c);
    for (size_t i = 0; i < p->chart->points; i++) {
        cairo_line_to(p->c, place_x(p, p->chart->x[i]), place_y(p->chart->ceiling[i]));
    }
}

/* What lies above the ceiling is shaded: no method can reach it. */
static void fill_above_ceiling(const page *p) {
    const sp_chart *chart = p->chart;
    trace_ceiling(p);
    cairo_line_to(p->c, place_x(p, chart->x[chart->points - 1]), place_y(100.0));
    cairo_line_to(p->c, place_x(p, chart->x[0]), place_y(100.0));
    cairo_close_path(p->c);
    cairo_set_source_rgb(p->c, SHADE, SHADE, SHADE);
    cairo_fill(p->c);
}

static void set_ceiling(cairo_t *c) {
    cairo_set_source_rgb(c, 0.35, 0.35, 0.35);
    cairo_set_dash(c, NULL, 0, 0.0);
    cairo_set_line_width(c, 0.9);
}

static void draw_ceiling(const page *p) {
    trace_ceiling(p);
    set_ceiling(p->c);
    cairo_stroke(p->c);
}

/* Thin slanted lines. */
static void hatch(cairo_t *c) {
    double left, top, right, bottom;
    cairo_save(c);
    cairo_path_extents(c, &left, &top, &right, &bottom);
    cairo_clip(c);
    set_ceiling(c);
    cairo_set_source_rgb(c, 0.55, 0.55, 0.55);
    cairo_set_line_width(c, 0.4);
    for (double x = left - (bottom - top); x < right; x += 4.0) {
        cairo_move_to(c, x, bottom);
        cairo_line_to(c, x + (bottom - top), top);
    }
    cairo_stroke(c);
    cairo_restore(c);
}

static void draw_floor(const page *p) {
    const sp_chart *chart = p->chart;
    const double first = place_x(p, chart->x[0]), last = place_x(p, chart->x[chart->points - 1]);
    cairo_new_path(p->c);
    for (size_t i = 0; i < chart->points; i++) {
        cairo_line_to(p->c, place_x(p, chart->x[i]), place_y(chart->floor[i]));
    }
    cairo_line_to(p->c, last, place_y(0.0));
    cairo_line_to(p->c, first, place_y(0.0));
    cairo_close_path(p->c);
    hatch(p->c);
}

static void draw_legend(const page *p) {
    const sp_chart *chart = p->chart;
    cairo_t *c = p->c;
    const double x = SP_CHART_WIDTH - SP_CHART_RIGHT + 14.0, spacing = 17.0;
    double y = SP_CHART_TOP + 8.0;
    if (chart->ceiling) {
        cairo_rectangle(c, x, y - 5.0, 26.0, 10.0);
        cairo_set_source_rgb(c, SHADE, SHADE, SHADE);
        cairo_fill(c);
        cairo_move_to(c, x, y + 5.0);
        cairo_line_to(c, x + 26.0, y + 5.0);
        set_ceiling(c);
        cairo_stroke(c);
        cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
        sp_chart_text(c, x + 32.0, y + 0.35 * SP_CHART_FONT, SP_CHART_TO_LEFT, chart->ceiling_name);
        y += spacing;
    }
    if (chart->floor) {
        cairo_new_path(c);
        cairo_rectangle(c, x, y - 5.0, 26.0, 10.0);
        hatch(c);
        cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
        sp_chart_text(c, x + 32.0, y + 0.35 * SP_CHART_FONT, SP_CHART_TO_LEFT, chart->floor_name);
        y += spacing;
    }
    for (size_t i = chart->count; i-- > 0; y += spacing) { // the tightest method comes last
        sp_chart_name(c, style_of(chart, i), y, chart->series[i].name);
    }
}

static void draw(cairo_t *c, const void *context) {
    const sp_chart *chart = context;
    page p = {c, chart, 0.0, 1.0};
    take_range(&p);
    if (chart->ceiling) {
        fill_above_ceiling(&p);
    }
    draw_y_axis(&p);
    if (chart->floor) {
        draw_floor(&p);
    }
    if (chart->ceiling) {
        draw_ceiling(&p);
    }
    draw_x_axis(&p);
    for (size_t i = 0; i < chart->count; i++) {
        draw_series(&p, i);
    }
    draw_legend(&p);
}

sp_status sp_chart_write(sp_error *err, const sp_chart *chart, const char *path) {
    if (chart->points < 2) {
        return sp_fail(err, SP_E_ARGUMENT, "a chart needs two points on its x axis");
    }
    return sp_chart_save(err, path, draw, chart);
}
