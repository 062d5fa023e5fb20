/* Pieces of the noises: where the last pass misses by little, the noises are cut by the energy of
 * one band of one frame, and either side is bounded by itself, with closer lines of that band.
 * What holds on both sides holds on both together. The band is the one whose halves the first pass
 * likes best. Source: docs/theory/front-end.md 4.10. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "certify/schedule.h"

/* A margin below it is given up, and so is a piece that regains less than this share of what the
 * whole of it misses. */
#define REACH (-6.0)
#define REGAINED 0.05
/* Bands are not cut further below what they are without noise. */
#define LOWEST 3.0
enum { CANDIDATES = 12 };

typedef struct sp_pieces {
    const sp_method *method;
    const sp_net *net;
    sp_objectives *o;
    const bool *open;                  /* [rows] not proved yet */
    double *least;                     /* [rows] over the pieces so far */
    double *lower, *rows_error, *goal; /* [rows] */
    size_t made;
    bool failed;
} sp_pieces;

typedef struct sp_band_cut {
    size_t t, m;
    double at, score;
} sp_band_cut;

/* The least open margin on a piece, by one pass; -inf where nothing is known. */
static sp_status bound_piece(sp_error *err, sp_pieces *p, const sp_front_bound *front,
                             const sp_method_pass *pass, double *worst) {
    sp_objectives *o = p->o;
    sp_margins margins = {.net = p->net,
                          .front = &front,
                          .clips = 1,
                          .rows = o->rows,
                          .weight = o->weight,
                          .frame = o->frame,
                          .pass = pass,
                          .goal = p->goal,
                          .deadline = o->deadline,
                          .lower = p->lower,
                          .error = p->rows_error};
    sp_error own = {0};
    const sp_status status = sp_margins_bound(&own, &margins);
    if (status == SP_E_TIMEOUT || status == SP_E_MEMORY) {
        return sp_fail(err, status, "%s", own.text);
    }
    *worst = INFINITY;
    for (size_t r = 0; r < o->rows; r++) {
        const double lower = status == SP_OK ? p->lower[r] : -INFINITY;
        p->lower[r] = o->constant[r] != 0.0 ? sp_below(lower + o->constant[r]) : lower;
        if (p->open[r]) {
            *worst = p->lower[r] > *worst ? *worst : p->lower[r]; // NaN stays
        }
    }
    return SP_OK;
}

/* Where a band is cut: the middle of what it can be. */
static double middle_of(const sp_front_bound *front, size_t t, size_t m) {
    const size_t at = t * front->bands + m;
    const double lo = fmax(front->lo[at], log(front->clean_lo[at]) - LOWEST);
    return 0.5 * lo + 0.5 * front->hi[at];
}

/* The widest bands, widest first; returns how many. */
static size_t list_cuts(const sp_front_bound *front, sp_band_cut *cut) {
    size_t count = 0;
    for (size_t t = 0; t < front->frames; t++) {
        for (size_t m = 0; m < front->bands; m++) {
            const size_t at = t * front->bands + m;
            if (!sp_front_has_parts(front, t, m)) {
                continue;
            }
            sp_band_cut here = {t, m, middle_of(front, t, m), 0.0};
            here.score = 2.0 * (front->hi[at] - here.at);
            size_t k = count < CANDIDATES ? count++ : CANDIDATES;
            for (; k > 0 && here.score > cut[k - 1].score; k--) {
                if (k < CANDIDATES) {
                    cut[k] = cut[k - 1];
                }
            }
            if (k < CANDIDATES) {
                cut[k] = here;
            }
        }
    }
    return count;
}

/* The two sides of a cut. */
static sp_status make_sides(sp_error *err, sp_front_bound *side, const sp_front_bound *front,
                            const sp_band_cut *cut) {
    SP_TRY(sp_front_bound_part(err, &side[0], front, cut->t, cut->m, -INFINITY, cut->at));
    const sp_status status =
        sp_front_bound_part(err, &side[1], front, cut->t, cut->m, cut->at, INFINITY);
    if (status != SP_OK) {
        sp_front_bound_clear(&side[0]);
    }
    return status;
}

/* The candidate whose sides the first pass likes best, on average; worst: what it has of each. */
static sp_status choose_cut(sp_error *err, sp_pieces *p, const sp_front_bound *front,
                            sp_band_cut *best, double worst[2]) {
    sp_band_cut cut[CANDIDATES];
    const size_t count = list_cuts(front, cut);
    sp_status status = SP_OK;
    best->score = -INFINITY;
    for (size_t i = 0; i < count && status == SP_OK; i++) {
        sp_front_bound side[2];
        double margin[2] = {-INFINITY, -INFINITY};
        if (make_sides(NULL, side, front, &cut[i]) != SP_OK) {
            continue;
        }
        for (int k = 0; k < 2 && status == SP_OK; k++) {
            status = bound_piece(err, p, &side[k], &p->method->pass[0], &margin[k]);
        }
        const double score = 0.5 * margin[0] + 0.5 * margin[1];
        if (score > best->score) { // NaN fails
            *best = cut[i];
            best->score = score;
            memcpy(worst, margin, sizeof margin);
        }
        sp_front_bound_clear(&side[0]);
        sp_front_bound_clear(&side[1]);
    }
    return status;
}

static sp_status cut_piece(sp_error *err, sp_pieces *p, const sp_front_bound *front, double missed);

/* missed: the margin of what this is a piece of. */
static sp_status prove_piece(sp_error *err, sp_pieces *p, const sp_front_bound *front,
                             double missed) {
    double worst;
    SP_TRY(bound_piece(err, p, front, &p->method->pass[p->method->passes - 1], &worst));
    for (size_t r = 0; r < p->o->rows; r++) {
        p->o->error = fmax(p->o->error, p->rows_error[r]);
    }
    if (worst > 0.0) {
        for (size_t r = 0; r < p->o->rows; r++) {
            p->least[r] = p->lower[r] < p->least[r] ? p->lower[r] : p->least[r];
        }
        return SP_OK;
    }
    if (!(worst >= (1.0 - REGAINED) * missed)) {
        p->failed = true;
        return SP_OK;
    }
    return cut_piece(err, p, front, worst);
}

/* The side that looks harder first: if it fails, so does all. */
static sp_status cut_piece(sp_error *err, sp_pieces *p, const sp_front_bound *front,
                           double missed) {
    sp_band_cut cut;
    double worst[2] = {0.0, 0.0};
    sp_front_bound side[2];
    if (p->made >= p->method->pieces) {
        p->failed = true;
        return SP_OK;
    }
    SP_TRY(choose_cut(err, p, front, &cut, worst));
    if (cut.score == -INFINITY) {
        p->failed = true;
        return SP_OK;
    }
    SP_TRY(make_sides(err, side, front, &cut));
    p->made++;
    const int first = worst[0] <= worst[1] ? 0 : 1;
    sp_status status = prove_piece(err, p, &side[first], missed);
    if (status == SP_OK && !p->failed) {
        status = prove_piece(err, p, &side[1 - first], missed);
    }
    sp_front_bound_clear(&side[0]);
    sp_front_bound_clear(&side[1]);
    return status;
}

static sp_status prove_pieces(sp_error *err, sp_pieces *p, bool *open) {
    sp_objectives *o = p->o;
    double missed = INFINITY;
    for (size_t r = 0; r < o->rows; r++) {
        open[r] = !(o->proved[r] > 0.0);
        p->least[r] = INFINITY;
        missed = open[r] && !(o->proved[r] > missed) ? o->proved[r] : missed;
    }
    if (!(missed > REACH && missed <= 0.0)) {
        return SP_OK;
    }
    SP_TRY(cut_piece(err, p, o->front, missed));
    for (size_t r = 0; r < o->rows && !p->failed; r++) {
        if (open[r]) {
            SP_TRY(sp_objectives_take(err, o, r, sp_below(p->least[r] - o->constant[r]), o->error));
        }
    }
    return SP_OK;
}

sp_status sp_schedule_pieces(sp_error *err, const sp_method *method, const sp_net *net,
                             sp_objectives *o) {
    const double start = sp_clock_wall();
    double *memory = malloc((4 * o->rows + 1) * sizeof *memory);
    bool *open = malloc((o->rows + 1) * sizeof *open);
    sp_status status = SP_OK;
    if (memory == NULL || open == NULL) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for %zu labels", o->rows);
    } else {
        sp_pieces pieces = {.method = method,
                            .net = net,
                            .o = o,
                            .open = open,
                            .least = memory,
                            .lower = memory + o->rows,
                            .rows_error = memory + 2 * o->rows,
                            .goal = memory + 3 * o->rows,
                            .made = 1};
        sp_objectives_goals(pieces.goal, o);
        status = prove_pieces(err, &pieces, open);
    }
    free(memory);
    free(open);
    o->boxes_seconds += sp_clock_wall() - start;
    return status;
}
