/* Private to certify/report/: what charts share. Only files that include this one know cairo. */
#ifndef SP_CERTIFY_CHART_DRAW_H
#define SP_CERTIFY_CHART_DRAW_H

#include <cairo.h>

#include "certify/report/report.h"

/* Sizes in points of 1/72 inch. */
#define SP_CHART_WIDTH 520.0
#define SP_CHART_HEIGHT 300.0
#define SP_CHART_LEFT 54.0
#define SP_CHART_RIGHT 150.0 /* of the legend's column */
#define SP_CHART_TOP 26.0
#define SP_CHART_BOTTOM 44.0
#define SP_CHART_FONT 9.5
#define SP_CHART_MARKER 3.1

/** sp_chart_style - colours of Okabe and Ito, told apart by colour-blind readers; dashes and
 *  markers tell the lines apart in grey. sp_chart_style_of - of one of `count` series; the last one
 *  has the first style. */
typedef struct sp_chart_style {
    double red, green, blue, dash[4];
    int dashes;
    void (*marker)(cairo_t *, double, double, double);
    bool filled; /* the marker */
} sp_chart_style;
const sp_chart_style *sp_chart_style_of(size_t series, size_t count);
void sp_chart_draw_marker(cairo_t *c, const sp_chart_style *s, double x, double y);
void sp_chart_set_line(cairo_t *c, const sp_chart_style *s);

/** sp_chart_text - beside, around or before x. sp_chart_number - a number as a label, with a true
 *  minus sign. */
enum { SP_CHART_TO_LEFT, SP_CHART_CENTRED, SP_CHART_TO_RIGHT };
void sp_chart_text(cairo_t *c, double x, double y, int align, const char *text);
void sp_chart_number(cairo_t *c, double x, double y, int align, double value);
/** sp_chart_frame - the lines of both axes, their titles, and that of the chart. */
void sp_chart_frame(cairo_t *c, const char *title, const char *x_label, const char *y_label);
/** sp_chart_name - the line of a series in the legend, whose y is given. */
void sp_chart_name(cairo_t *c, const sp_chart_style *s, double y, const char *name);

/** sp_chart_save - what `draw` draws on white, as sp_chart_write says. */
SP_NODISCARD sp_status sp_chart_save(sp_error *err, const char *path,
                                     void (*draw)(cairo_t *, const void *), const void *context);

#endif
