/* The bar of one clip: which budgets are certified, unknown and broken. */
#include <math.h>

#include "certify/report/page.h"

enum { LABELS = 6 }; /* at most, so that they fit a phone */

static void widen(sp_page_axis *axis, double db) {
    if (isfinite(db)) {
        axis->least = fmin(axis->least, db);
        axis->most = fmax(axis->most, db);
    }
}

sp_page_axis sp_page_axis_make(const sp_page *page) {
    static const double steps[] = {5.0, 10.0, 20.0, 25.0, 50.0};
    sp_page_axis axis = {INFINITY, -INFINITY, 0.0};
    for (size_t i = 0; i < page->count; i++) {
        widen(&axis, page->study[i].radius.certified_db);
        widen(&axis, page->study[i].radius.broken_db);
        widen(&axis, page->study[i].radius.broken_file_db);
    }
    if (!(axis.least <= axis.most)) {
        axis.least = -80.0;
        axis.most = -40.0;
    }
    axis.least -= 6.0;
    axis.most += 6.0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        axis.step = steps[i];
        if (axis.most - axis.least <= LABELS * axis.step) {
            break;
        }
    }
    return axis;
}

static double place(const sp_page_axis *axis, double db) {
    const double part = (db - axis->least) / (axis->most - axis->least);
    return 100.0 * fmin(fmax(part, 0.0), 1.0);
}

static void put_part(FILE *out, const char *class, double from, double to) {
    if (to > from) {
        fprintf(out, "<rect class=\"%s\" x=\"%.2f%%\" y=\"1\" width=\"%.2f%%\" height=\"16\"/>",
                class, from, to - from);
    }
}

static void describe(FILE *out, const sp_radius *radius) {
    if (isfinite(radius->certified_db)) {
        fputs("certified up to ", out);
        sp_page_db(out, radius->certified_db);
        fputs(sp_verdict_is_vacuous(&radius->verdict) ? ", below half a step of the format" : "",
              out);
    } else {
        fputs("nothing certified", out);
    }
    if (isfinite(radius->broken_db)) {
        fputs(", broken from ", out);
        sp_page_db(out, radius->broken_db);
        fputs(" on", out);
    } else {
        fputs(", not broken", out);
    }
}

void sp_page_bar(FILE *out, const sp_page_axis *axis, const sp_radius *radius) {
    const bool certified = isfinite(radius->certified_db), broken = isfinite(radius->broken_db);
    const double low = certified ? place(axis, radius->certified_db) : 0.0;
    const double high = broken ? place(axis, radius->broken_db) : 100.0;
    fputs("<svg class=\"bar\" width=\"100%\" height=\"18\" role=\"img\" aria-label=\"", out);
    describe(out, radius);
    fputs("\">", out);
    put_part(out, "certified", 0.0, low);
    put_part(out, "unknown", low, high);
    put_part(out, "broken", high, 100.0);
    for (double db = axis->step * ceil(axis->least / axis->step); db <= axis->most;
         db += axis->step) {
        fprintf(out, "<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"1\" y2=\"17\"/>",
                place(axis, db), place(axis, db));
    }
    fputs("</svg>", out);
}

void sp_page_bar_axis(FILE *out, const sp_page_axis *axis) {
    fputs("<svg class=\"axis\" width=\"100%\" height=\"18\" aria-hidden=\"true\">", out);
    for (double db = axis->step * ceil(axis->least / axis->step); db <= axis->most;
         db += axis->step) {
        const double x = place(axis, db);
        const char *anchor = x < 6.0 ? "start" : x > 94.0 ? "end" : "middle";
        fprintf(out, "<text x=\"%.2f%%\" y=\"13\" text-anchor=\"%s\">", x, anchor);
        sp_page_plain(out, "%.0f", db);
        fputs("</text>", out);
    }
    fputs("</svg>", out);
}
