/* Waveform and sensitivity of one clip over one time axis. */
#include <math.h>

#include "certify/report/page.h"

enum { COLUMNS = 480, HOT = 3 };
/* Heights in pixels. */
enum { TITLE = 18, WAVE = 88, SHARES = 44, TIME = 20 };

size_t sp_page_hot(const sp_study *study, size_t *frame, size_t most) {
    const size_t frames = study->share ? study->radius.verdict.frames : 0;
    size_t count = 0;
    for (size_t t = 0; t < frames; t++) {
        size_t at = count < most ? count++ : most;
        for (; at > 0 && study->share[t] > study->share[frame[at - 1]]; at--) {
            if (at < most) {
                frame[at] = frame[at - 1];
            }
        }
        if (at < most) {
            frame[at] = t;
        }
    }
    return count;
}

/* In every column the range from the least to the largest sample. */
static void put_wave(FILE *out, const sp_study *study) {
    const size_t n = study->clip.n, columns = n < COLUMNS ? n : COLUMNS;
    const double scale = study->clip.peak > 0.0 ? 49.0 / study->clip.peak : 0.0;
    fprintf(out,
            "<svg x=\"0\" y=\"%d\" width=\"100%%\" height=\"%d\" viewBox=\"0 0 %zu 100\" "
            "preserveAspectRatio=\"none\"><path class=\"wave\" d=\"",
            TITLE, WAVE, columns);
    for (size_t c = 0; c < columns; c++) {
        double lo = INFINITY, hi = -INFINITY;
        for (size_t i = c * n / columns; i < (c + 1) * n / columns; i++) {
            lo = fmin(lo, study->clip.samples[i]);
            hi = fmax(hi, study->clip.samples[i]);
        }
        fprintf(out, "M%zu.5 %.1fV%.1f", c, 49.7 - scale * hi, 50.3 - scale * lo);
    }
    fputs("\"/></svg>\n", out);
}

typedef struct span {
    double begin, end; /* percent of the clip */
} span;

/* The step of frame t; the last one's reaches to the end of the clip. */
static span span_of(const sp_page *page, const sp_study *study, size_t t) {
    const sp_front_layout *layout = sp_front_layout_of(page->pipeline->front);
    const double n = (double)study->clip.n, step = (double)layout->step;
    const bool last = t + 1 == study->radius.verdict.frames;
    return (span){100.0 * fmin((double)t * step / n, 1.0),
                  last ? 100.0 : 100.0 * fmin((double)(t + 1) * step / n, 1.0)};
}

static bool is_hot(const sp_study *study, size_t t) {
    size_t frame[HOT];
    const size_t count = sp_page_hot(study, frame, HOT);
    for (size_t i = 0; i < count; i++) {
        if (frame[i] == t) {
            return true;
        }
    }
    return false;
}

static void put_hot(FILE *out, const sp_page *page, const sp_study *study, int height) {
    size_t frame[HOT];
    const size_t count = sp_page_hot(study, frame, HOT);
    for (size_t i = 0; i < count; i++) {
        const span s = span_of(page, study, frame[i]);
        fprintf(out, "<rect class=\"hot\" x=\"%.2f%%\" y=\"%d\" width=\"%.2f%%\" height=\"%d\"/>\n",
                s.begin, TITLE, s.end - s.begin, height - TITLE);
    }
}

static void put_shares(FILE *out, const sp_page *page, const sp_study *study, int top) {
    double largest = 0.0;
    for (size_t t = 0; t < study->radius.verdict.frames; t++) {
        largest = fmax(largest, study->share[t]);
    }
    for (size_t t = 0; t < study->radius.verdict.frames; t++) {
        const span s = span_of(page, study, t);
        const double height = largest > 0.0 ? SHARES * study->share[t] / largest : 0.0;
        if (s.end > s.begin) {
            fprintf(out,
                    "<rect class=\"share%s\" x=\"%.2f%%\" y=\"%.1f\" width=\"%.2f%%\" "
                    "height=\"%.1f\"/>",
                    is_hot(study, t) ? " most" : "", s.begin, top + SHARES - height,
                    0.92 * (s.end - s.begin), height);
        }
    }
    fputc('\n', out);
}

/* At most five labels in seconds. */
static void put_time(FILE *out, const sp_study *study, int top) {
    static const double steps[] = {0.01, 0.02, 0.05, 0.1,  0.2,  0.5,
                                   1.0,  2.0,  5.0,  10.0, 30.0, 60.0};
    const double seconds = (double)study->clip.n / study->clip.rate;
    double step = 300.0;
    for (size_t i = sizeof steps / sizeof steps[0]; i-- > 0;) {
        step = seconds <= 5.0 * steps[i] ? steps[i] : step;
    }
    for (int k = 0; k * step <= seconds; k++) {
        const double x = 100.0 * k * step / seconds;
        const char *anchor = k == 0 ? "start" : x > 95.0 ? "end" : "middle";
        fprintf(out,
                "<line class=\"tick\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" y2=\"%d\"/>"
                "<text x=\"%.2f%%\" y=\"%d\" text-anchor=\"%s\">%.*f%s</text>",
                x, x, top, top + 4, x, top + 16, anchor,
                k == 0 || step >= 1.0 ? 0
                : step < 0.1          ? 2
                                      : 1,
                k * step, k == 0 ? " s" : "");
    }
    fputc('\n', out);
}

static void put_title(FILE *out, int y, const char *text) {
    fprintf(out, "<text class=\"lane\" x=\"0\" y=\"%d\">%s</text>\n", y + 13, text);
}

void sp_page_timeline(FILE *out, const sp_page *page, size_t index) {
    const sp_study *study = &page->study[index];
    const bool shares = study->share != NULL;
    const int shares_top = TITLE + WAVE, time_top = shares_top + (shares ? TITLE + SHARES : 0);
    fprintf(out,
            "<figure><svg class=\"lanes\" width=\"100%%\" height=\"%d\" role=\"img\" "
            "aria-label=\"Waveform of ",
            time_top + TIME);
    sp_page_text(out, page->name[index]);
    fprintf(out, ", %.2f seconds%s\">\n", (double)study->clip.n / study->clip.rate,
            shares ? ", and how much of the sensitivity lies in every frame" : "");
    put_hot(out, page, study, time_top);
    put_title(out, 0, "waveform");
    put_wave(out, study);
    if (shares) {
        put_title(out, shares_top, "where the answer is sensitive to noise");
        put_shares(out, page, study, shares_top + TITLE);
    }
    put_time(out, study, time_top);
    fputs("</svg></figure>\n", out);
}
