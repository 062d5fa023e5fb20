/* What charts share: styles, texts, axes and files. */
#include "certify/report/chart_draw.h"

#include <cairo-svg.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"

#define PNG_SCALE 3.0 /* pixels per point: 216 dpi */

/* ---- styles ---- */

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

static const sp_chart_style styles[] = {
    // of the last series first
    {0.00, 0.45, 0.70, {0}, 0, circle, false},
    {0.34, 0.71, 0.91, {6.0, 2.4}, 2, diamond, false},
    {0.00, 0.62, 0.45, {2.6, 1.8}, 2, square, false},
    {0.90, 0.62, 0.00, {6.0, 2.0, 1.0, 2.0}, 4, triangle, false},
    {0.80, 0.47, 0.65, {1.0, 2.2}, 2, wedge, false},
    {0.84, 0.37, 0.00, {10.0, 2.0, 2.0, 2.0}, 4, pentagon, false},
    // filled, each colour with another line and marker
    {0.00, 0.45, 0.70, {1.0, 2.2}, 2, triangle, true},
    {0.34, 0.71, 0.91, {10.0, 2.0, 2.0, 2.0}, 4, wedge, true},
    {0.00, 0.62, 0.45, {0}, 0, pentagon, true},
    {0.90, 0.62, 0.00, {6.0, 2.4}, 2, circle, true},
    {0.80, 0.47, 0.65, {2.6, 1.8}, 2, diamond, true},
    {0.84, 0.37, 0.00, {6.0, 2.0, 1.0, 2.0}, 4, square, true},
};
enum { STYLES = sizeof styles / sizeof styles[0] };

const sp_chart_style *sp_chart_style_of(size_t series, size_t count) {
    return &styles[(count - 1 - series) % STYLES];
}

void sp_chart_draw_marker(cairo_t *c, const sp_chart_style *s, double x, double y) {
    cairo_new_path(c);
    s->marker(c, x, y, SP_CHART_MARKER);
    cairo_set_source_rgb(c, s->filled ? s->red : 1.0, s->filled ? s->green : 1.0,
                         s->filled ? s->blue : 1.0);
    cairo_fill_preserve(c);
    cairo_set_source_rgb(c, s->red, s->green, s->blue);
    cairo_set_dash(c, NULL, 0, 0.0);
    cairo_set_line_width(c, 1.1);
    cairo_stroke(c);
}

void sp_chart_set_line(cairo_t *c, const sp_chart_style *s) {
    cairo_set_source_rgb(c, s->red, s->green, s->blue);
    cairo_set_dash(c, s->dash, s->dashes, 0.0);
    cairo_set_line_width(c, 1.5);
}

/* ---- texts ---- */

void sp_chart_text(cairo_t *c, double x, double y, int align, const char *text) {
    cairo_text_extents_t size;
    cairo_text_extents(c, text, &size);
    const double part = align == SP_CHART_TO_LEFT ? 0.0 : align == SP_CHART_CENTRED ? 0.5 : 1.0;
    cairo_move_to(c, x - part * size.x_advance, y);
    cairo_show_text(c, text);
}

void sp_chart_number(cairo_t *c, double x, double y, int align, double value) {
    char text[32], with_minus[40];
    snprintf(text, sizeof text, "%g", fabs(value) < 1e-9 ? 0.0 : value);
    snprintf(with_minus, sizeof with_minus, "%s%s", text[0] == '-' ? "\xE2\x88\x92" : "",
             text[0] == '-' ? text + 1 : text);
    sp_chart_text(c, x, y, align, with_minus);
}

/* ---- frame and legend ---- */

void sp_chart_frame(cairo_t *c, const char *title, const char *x_label, const char *y_label) {
    const double bottom = SP_CHART_HEIGHT - SP_CHART_BOTTOM,
                 right = SP_CHART_WIDTH - SP_CHART_RIGHT;
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    cairo_set_line_width(c, 0.8);
    cairo_move_to(c, SP_CHART_LEFT, SP_CHART_TOP);
    cairo_line_to(c, SP_CHART_LEFT, bottom);
    cairo_line_to(c, right, bottom);
    cairo_stroke(c);
    sp_chart_text(c, 0.5 * (SP_CHART_LEFT + right), SP_CHART_HEIGHT - 10.0, SP_CHART_CENTRED,
                  x_label);
    sp_chart_text(c, SP_CHART_LEFT, SP_CHART_TOP - 10.0, SP_CHART_TO_LEFT, title);
    cairo_save(c);
    cairo_translate(c, 16.0, 0.5 * (SP_CHART_TOP + bottom));
    cairo_rotate(c, -1.5707963267948966);
    sp_chart_text(c, 0.0, 0.0, SP_CHART_CENTRED, y_label);
    cairo_restore(c);
}

void sp_chart_name(cairo_t *c, const sp_chart_style *s, double y, const char *name) {
    const double x = SP_CHART_WIDTH - SP_CHART_RIGHT + 14.0;
    sp_chart_set_line(c, s);
    cairo_move_to(c, x, y);
    cairo_line_to(c, x + 26.0, y);
    cairo_stroke(c);
    sp_chart_draw_marker(c, s, x + 13.0, y);
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    sp_chart_text(c, x + 32.0, y + 0.35 * SP_CHART_FONT, SP_CHART_TO_LEFT, name);
}

/* ---- files ---- */

typedef struct picture {
    void (*draw)(cairo_t *, const void *);
    const void *context;
} picture;

static cairo_status_t write_part(void *draft, const unsigned char *data, unsigned size) {
    return sp_file_draft_write(NULL, draft, data, size) == SP_OK ? CAIRO_STATUS_SUCCESS
                                                                 : CAIRO_STATUS_WRITE_ERROR;
}

static cairo_status_t draw_file(sp_file_draft *draft, const picture *p, bool svg) {
    cairo_surface_t *surface =
        svg ? cairo_svg_surface_create_for_stream(write_part, draft, SP_CHART_WIDTH,
                                                  SP_CHART_HEIGHT)
            : cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(PNG_SCALE * SP_CHART_WIDTH),
                                         (int)(PNG_SCALE * SP_CHART_HEIGHT));
    cairo_t *c = cairo_create(surface);
    if (!svg) {
        cairo_scale(c, PNG_SCALE, PNG_SCALE);
    }
    cairo_set_source_rgb(c, 1.0, 1.0, 1.0);
    cairo_paint(c);
    cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(c, SP_CHART_FONT);
    cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
    p->draw(c, p->context);
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

static sp_status write_file(sp_error *err, const picture *p, const char *path, bool svg) {
    sp_file_draft draft;
    SP_TRY(sp_file_draft_open(err, &draft, path));
    const cairo_status_t status = draw_file(&draft, p, svg);
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

sp_status sp_chart_save(sp_error *err, const char *path, void (*draw)(cairo_t *, const void *),
                        const void *context) {
    const picture p = {draw, context};
    char both[1024];
    if (ends_in(path, ".svg") || ends_in(path, ".png")) {
        return write_file(err, &p, path, ends_in(path, ".svg"));
    }
    for (int svg = 0; svg < 2; svg++) {
        const int length = snprintf(both, sizeof both, "%s.%s", path, svg ? "svg" : "png");
        if (length < 0 || (size_t)length >= sizeof both) {
            return sp_fail(err, SP_E_ARGUMENT, "the name of the chart is too long");
        }
        SP_TRY(write_file(err, &p, both, svg));
    }
    return SP_OK;
}
