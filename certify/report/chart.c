/* Line charts as SVG and PNG. Only this file knows cairo. */
#include <cairo-svg.h>
#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "certify/report/report.h"

/* Sizes in points of 1/72 inch. */
#define WIDTH 520.0
#define HEIGHT 300.0
#define LEFT 54.0
#define RIGHT 150.0 /* of the legend's column */
#define TOP 26.0
#define BOTTOM 44.0
#define BELOW 4.0 /* percent of air below 0 and above 100, so that no marker hides an axis */
#define ABOVE 2.0
#define SHADE 0.88 /* grey of what is broken */
#define FONT_SIZE 9.5
#define MARKER 3.1
#define PNG_SCALE 3.0 /* pixels per point: 216 dpi */

/* Colours of Okabe and Ito, told apart by colour-blind readers; dashes and markers tell the lines
 * apart in grey. */
typedef struct style {
    double red, green, blue, dash[4];
    int dashes;
    void (*marker)(cairo_t *, double, double, double);
} style;

static void circle(cairo_t *c, double x, double y, double r) {
    cairo_new_sub_path(c);
    cairo_arc(c, x, y, r, 0.0, 6.283185307179586);
}

static void polygon(cairo_t *c, double x, double y, double r, int corners, double turn) {
    for (int i = 0; i < corners; i++) {
        const double angle = turn + 6.283185307179586 * (double)i / (double)corners;
        cairo_line_to(c, x + r * cos(angle), y + r * sin(angle));
    }
    cairo_close_path(c);
}

static void square(cairo_t *c, double x, double y, double r) {
    polygon(c, x, y, 1.3 * r, 4, 0.7853981633974483);
}
static void triangle(cairo_t *c, double x, double y, double r) {
    polygon(c, x, y, 1.35 * r, 3, -1.5707963267948966);
}
static void diamond(cairo_t *c, double x, double y, double r) {
    polygon(c, x, y, 1.4 * r, 4, 0.0);
}
static void wedge(cairo_t *c, double x, double y, double r) {
    polygon(c, x, y, 1.35 * r, 3, 1.5707963267948966);
}
static void pentagon(cairo_t *c, double x, double y, double r) {
    polygon(c, x, y, 1.2 * r, 5, -1.5707963267948966);
}

static const style styles[] = {
    // of the last series first
    {0.00, 0.45, 0.70, {0}, 0, circle},
    {0.34, 0.71, 0.91, {6.0, 2.4}, 2, diamond},
    {0.00, 0.62, 0.45, {2.6, 1.8}, 2, square},
    {0.90, 0.62, 0.00, {6.0, 2.0, 1.0, 2.0}, 4, triangle},
    {0.80, 0.47, 0.65, {1.0, 2.2}, 2, wedge},
    {0.84, 0.37, 0.00, {10.0, 2.0, 2.0, 2.0}, 4, pentagon},
};
enum { STYLES = sizeof styles / sizeof styles[0] };

static const style *style_of(const sp_chart *chart, size_t series) {
    return &styles[(chart->count - 1 - series) % STYLES];
}

/* ---- from figures to the page ---- */

typedef struct page {
    cairo_t *c;
    const sp_chart *chart;
    double least, most; /* of x, with a margin */
} page;

static double place_x(const page *p, double x) {
    const double part = (x - p->least) / (p->most - p->least);
    return LEFT + (p->chart->flip ? 1.0 - part : part) * (WIDTH - LEFT - RIGHT);
}

static double place_y(double share) {
    return HEIGHT - BOTTOM - (share + BELOW) / (100.0 + BELOW + ABOVE) * (HEIGHT - BOTTOM - TOP);
}

static void take_range(page *p) {
    const double first = p->chart->x[0], last = p->chart->x[p->chart->points - 1];
    const double wide = last > first ? last - first : 1.0;
    p->least = first - 0.03 * wide;
    p->most = last + 0.03 * wide;
}

/* ---- text ---- */

enum { TO_LEFT, CENTRED, TO_RIGHT };

static void put_text(cairo_t *c, double x, double y, int align, const char *text) {
    cairo_text_extents_t size;
    cairo_text_extents(c, text, &size);
    const double part = align == TO_LEFT ? 0.0 : align == CENTRED ? 0.5 : 1.0;
    cairo_move_to(c, x - part * size.x_advance, y);
    cairo_show_text(c, text);
}

/* A number as a label, with a true minus sign. */
static void put_number(cairo_t *c, double x, double y, int align, double value) {
    char text[32], with_minus[40];
    snprintf(text, sizeof text, "%g", fabs(value) < 1e-9 ? 0.0 : value);
    snprintf(with_minus, sizeof with_minus, "%s%s", text[0] == '-' ? "\xE2\x88\x92" : "",
             text[0] == '-' ? text + 1 : text);
    put_text(c, x, y, align, with_minus);
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
        cairo_move_to(c, LEFT, y);
        cairo_line_to(c, WIDTH - RIGHT, y);
        cairo_stroke(c);
        cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
        put_number(c, LEFT - 7.0, y + 0.35 * FONT_SIZE, TO_RIGHT, share);
    }
    cairo_save(c);
    cairo_translate(c, 16.0, 0.5 * (TOP + HEIGHT - BOTTOM));
    cairo_rotate(c, -1.5707963267948966);
    put_text(c, 0.0, 0.0, CENTRED, p->chart->y_label);
    cairo_restore(c);
}

static void draw_x_axis(const page *p) {
    cairo_t *c = p->c;
    const double bottom = HEIGHT - BOTTOM, step = tick_step(p->most - p->least, 13.0);
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    cairo_set_line_width(c, 0.8);
    cairo_move_to(c, LEFT, TOP);
    cairo_line_to(c, LEFT, bottom);
    cairo_line_to(c, WIDTH - RIGHT, bottom);
    cairo_stroke(c);
    for (double x = step * ceil(p->least / step); x <= p->most; x += step) {
        cairo_move_to(c, place_x(p, x), bottom);
        cairo_line_to(c, place_x(p, x), bottom + 3.5);
        cairo_stroke(c);
        put_number(c, place_x(p, x), bottom + 5.5 + FONT_SIZE, CENTRED, x);
    }
    put_text(c, 0.5 * (LEFT + WIDTH - RIGHT), HEIGHT - 10.0, CENTRED, p->chart->x_label);
}

/* ---- lines ---- */

static void draw_marker(cairo_t *c, const style *s, double x, double y) {
    cairo_new_path(c);
    s->marker(c, x, y, MARKER);
    cairo_set_source_rgb(c, 1.0, 1.0, 1.0);
    cairo_fill_preserve(c);
    cairo_set_source_rgb(c, s->red, s->green, s->blue);
    cairo_set_dash(c, NULL, 0, 0.0);
    cairo_set_line_width(c, 1.1);
    cairo_stroke(c);
}

static void set_line(cairo_t *c, const style *s) {
    cairo_set_source_rgb(c, s->red, s->green, s->blue);
    cairo_set_dash(c, s->dash, s->dashes, 0.0);
    cairo_set_line_width(c, 1.5);
}

static void draw_series(const page *p, size_t index) {
    const style *s = style_of(p->chart, index);
    const double *y = p->chart->series[index].y;
    cairo_t *c = p->c;
    bool drawing = false;
    set_line(c, s);
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
            draw_marker(c, s, place_x(p, p->chart->x[i]), place_y(y[i]));
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
    const double x = WIDTH - RIGHT + 14.0, spacing = 17.0;
    double y = TOP + 8.0;
    if (chart->ceiling) {
        cairo_rectangle(c, x, y - 5.0, 26.0, 10.0);
        cairo_set_source_rgb(c, SHADE, SHADE, SHADE);
        cairo_fill(c);
        cairo_move_to(c, x, y + 5.0);
        cairo_line_to(c, x + 26.0, y + 5.0);
        set_ceiling(c);
        cairo_stroke(c);
        cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
        put_text(c, x + 32.0, y + 0.35 * FONT_SIZE, TO_LEFT, chart->ceiling_name);
        y += spacing;
    }
    if (chart->floor) {
        cairo_new_path(c);
        cairo_rectangle(c, x, y - 5.0, 26.0, 10.0);
        hatch(c);
        cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
        put_text(c, x + 32.0, y + 0.35 * FONT_SIZE, TO_LEFT, chart->floor_name);
        y += spacing;
    }
    for (size_t i = chart->count; i-- > 0; y += spacing) { // the tightest method comes last
        const style *s = style_of(chart, i);
        set_line(c, s);
        cairo_move_to(c, x, y);
        cairo_line_to(c, x + 26.0, y);
        cairo_stroke(c);
        draw_marker(c, s, x + 13.0, y);
        cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
        put_text(c, x + 32.0, y + 0.35 * FONT_SIZE, TO_LEFT, chart->series[i].name);
    }
}

static void draw(cairo_t *c, const sp_chart *chart) {
    page p = {c, chart, 0.0, 1.0};
    take_range(&p);
    cairo_set_source_rgb(c, 1.0, 1.0, 1.0);
    cairo_paint(c);
    cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c, FONT_SIZE);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
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
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    put_text(c, LEFT, TOP - 10.0, TO_LEFT, chart->title);
    for (size_t i = 0; i < chart->count; i++) {
        draw_series(&p, i);
    }
    draw_legend(&p);
}

/* ---- files ---- */

static cairo_status_t write_part(void *draft, const unsigned char *data, unsigned size) {
    return sp_file_draft_write(NULL, draft, data, size) == SP_OK ? CAIRO_STATUS_SUCCESS
                                                                 : CAIRO_STATUS_WRITE_ERROR;
}

static cairo_status_t draw_file(sp_file_draft *draft, const sp_chart *chart, bool svg) {
    cairo_surface_t *surface =
        svg ? cairo_svg_surface_create_for_stream(write_part, draft, WIDTH, HEIGHT)
            : cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(PNG_SCALE * WIDTH),
                                         (int)(PNG_SCALE * HEIGHT));
    cairo_t *c = cairo_create(surface);
    if (!svg) {
        cairo_scale(c, PNG_SCALE, PNG_SCALE);
    }
    draw(c, chart);
    cairo_status_t status = cairo_status(c);
    if (status == CAIRO_STATUS_SUCCESS && !svg) {
        status = cairo_surface_write_to_png_stream(surface, write_part, draft);
    }
    cairo_destroy(c);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS) {
        status = cairo_surface_status(surface);
    }
    cairo_surface_destroy(surface);
    return status;
}

static sp_status write_file(sp_error *err, const sp_chart *chart, const char *path, bool svg) {
    sp_file_draft draft;
    SP_TRY(sp_file_draft_open(err, &draft, path));
    const cairo_status_t status = draw_file(&draft, chart, svg);
    if (status != CAIRO_STATUS_SUCCESS) {
        sp_file_draft_drop(&draft);
        return sp_fail(err, SP_E_IO, "%s: the chart cannot be written: %s", path,
                       cairo_status_to_string(status));
    }
    return sp_file_draft_keep(err, &draft);
}

static bool ends_in(const char *path, const char *ending) {
    const size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcasecmp(path + length - tail, ending) == 0;
}

sp_status sp_chart_write(sp_error *err, const sp_chart *chart, const char *path) {
    char both[1024];
    if (chart->points < 2) {
        return sp_fail(err, SP_E_ARGUMENT, "a chart needs two points on its x axis");
    }
    if (ends_in(path, ".svg") || ends_in(path, ".png")) {
        return write_file(err, chart, path, ends_in(path, ".svg"));
    }
    for (int svg = 0; svg < 2; svg++) {
        const int length = snprintf(both, sizeof both, "%s.%s", path, svg ? "svg" : "png");
        if (length < 0 || (size_t)length >= sizeof both) {
            return sp_fail(err, SP_E_ARGUMENT, "the name of the chart is too long");
        }
        SP_TRY(write_file(err, chart, both, svg));
    }
    return SP_OK;
}
