/* In which members two front ends differ, whatever way their descriptions are written in. */
#include <string.h>

#include "preprocess/impl.h"

static bool same_numbers(const double *a, const double *b, size_t count) {
    if ((a == NULL) != (b == NULL)) {
        return false;
    }
    for (size_t i = 0; a != NULL && i < count; i++) {
        if (!(a[i] == b[i])) {
            return false;
        }
    }
    return true;
}

static bool same_pad(const sp_front *a, const sp_front *b) {
    const sp_padding *p = &a->description.padding, *q = &b->description.padding;
    return p->rule == q->rule && p->zeros == q->zeros &&
           (p->fill == q->fill || p->rule == SP_PAD_NONE);
}

static bool same_emphasis(const sp_description *a, const sp_description *b) {
    return a->preemphasis == b->preemphasis &&
           (a->preemphasis == 0.0 || a->emphasis == b->emphasis);
}

static bool same_window(const sp_front *a, const sp_front *b) {
    return a->description.frame != b->description.frame ||
           same_numbers(a->window, b->window, a->description.frame);
}

static bool same_bank(const sp_front *a, const sp_front *b) {
    const sp_description *d = &a->description, *e = &b->description;
    return d->bands == e->bands &&
           (d->fft != e->fft || same_numbers(a->bank, b->bank, d->bands * sp_description_bins(d)));
}

static bool same_floor(const sp_description *a, const sp_description *b) {
    return a->floor_rule == b->floor_rule &&
           (a->floor == b->floor || a->floor_rule == SP_FLOOR_NONE);
}

static bool same_energy(const sp_description *a, const sp_description *b) {
    return a->energy == b->energy &&
           (a->energy == SP_ENERGY_NONE || a->energy_floor == b->energy_floor);
}

static bool same_dct(const sp_description *a, const sp_description *b) {
    return a->coefficients == b->coefficients &&
           (a->coefficients == 0 || (a->dct_type == b->dct_type && a->dct_norm == b->dct_norm));
}

static bool same_lifter(const sp_description *a, const sp_description *b) {
    return a->lifter == b->lifter && (a->lifter == 0.0 || a->lifter_first == b->lifter_first);
}

static bool same_step(const sp_sequence_step *a, const sp_sequence_step *b, size_t width) {
    bool same = a->kind == b->kind && a->filters == b->filters &&
                (a->kind != SP_SEQUENCE_AFFINE || (same_numbers(a->scale, b->scale, width) &&
                                                   same_numbers(a->shift, b->shift, width)));
    for (size_t i = 0; same && i < a->filters; i++) {
        const sp_filter *f = &a->filter[i], *g = &b->filter[i];
        same = f->of == g->of && f->taps == g->taps && f->before == g->before &&
               f->hold == g->hold && (f->repeats == g->repeats || f->taps == 1 || f->hold > 0) &&
               same_numbers(f->tap, g->tap, f->taps);
    }
    return same;
}

static bool same_sequence(const sp_front *a, const sp_front *b) {
    const sp_description *d = &a->description;
    bool same = d->steps == b->description.steps;
    for (size_t i = 0; same && a->base == b->base && i < d->steps; i++) {
        same =
            same_step(&d->step_of[i], &b->description.step_of[i], sp_sequence_width(d, i, a->base));
    }
    return same;
}

size_t sp_front_differences(const char *member[SP_FRONT_MEMBERS], const sp_front *a,
                            const sp_front *b) {
    const sp_description *d = &a->description, *e = &b->description;
    const size_t rows = sp_description_rows(d);
    const bool wide = rows == sp_description_rows(e);
    const struct {
        const char *name;
        bool same;
    } all[SP_FRONT_MEMBERS] = {
        {"samples", d->raw == e->raw && (!d->raw || d->padding.before == e->padding.before)},
        {"sample_rate", d->sample_rate == e->sample_rate},
        {"scale", d->full_scale == e->full_scale},
        {"gain", d->gain_peak == e->gain_peak},
        {"pad", same_pad(a, b)},
        {"frame", d->frame == e->frame},
        {"step", d->step == e->step},
        {"frames", d->drop_last == e->drop_last},
        {"remove_dc", d->remove_mean == e->remove_mean},
        {"preemphasis", same_emphasis(d, e)},
        {"window", same_window(a, b)},
        {"fft", d->fft == e->fft},
        {"power", d->magnitude == e->magnitude},
        {"power_norm", d->power_norm == e->power_norm},
        {d->bank == SP_BANK_MEL ? "mel" : "bank", same_bank(a, b)},
        {"floor", same_floor(d, e)},
        {"log", d->log == e->log},
        {"reference", d->log != SP_UNIT_DB || e->log != SP_UNIT_DB || d->reference == e->reference},
        {"top_db", d->top_db == e->top_db},
        {"energy", same_energy(d, e)},
        {"dct", same_dct(d, e)},
        {"lifter", same_lifter(d, e)},
        {"cmvn", !wide || (same_numbers(d->mean, e->mean, rows) &&
                           same_numbers(d->deviation, e->deviation, rows))},
        {"map",
         d->mapped == e->mapped && (!wide || (same_numbers(d->map, e->map, d->mapped * rows) &&
                                              same_numbers(d->map_bias, e->map_bias, d->mapped)))},
        {"sequence", same_sequence(a, b)}};
    size_t count = 0;
    for (size_t i = 0; i < SP_FRONT_MEMBERS; i++) {
        if (!all[i].same) {
            member[count++] = all[i].name;
        }
    }
    return count;
}
