/* The front end: its constants, its list of stages and its frame count. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "preprocess/impl.h"

// One block for all constants; SP_E_UNSUPPORTED when the description asks for too much.
static sp_status take_constants(sp_error *err, sp_front *front) {
    const sp_description *d = &front->description;
    // at most 2^33 + 2^26: no overflow on 64 bits
    const size_t bins = sp_description_bins(d), rows = 2 * bins + sp_spectrum_more(d);
    const size_t used = front->layout.used, width = sp_description_energies(d);
    const size_t pairs = d->magnitude ? bins : 0, read = d->magnitude ? bins : rows;
    const size_t features = sp_rows_wanted(d) ? front->base : 0;
    const unsigned long long entries = (unsigned long long)rows * (used + 1 + pairs) +
                                       (unsigned long long)read * width +
                                       (unsigned long long)bins * d->bands + d->frame + 2 * width +
                                       (unsigned long long)features * (width + 1);
    if (entries > SP_FRONT_MAX_ENTRIES) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "frame %zu with fft %zu needs matrices of %llu MiB, the limit is %llu", used,
                       d->fft, entries >> 17, (unsigned long long)SP_FRONT_MAX_ENTRIES >> 17);
    }
    double *at = front->constants = calloc((size_t)entries, sizeof *at);
    if (at == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the front end's matrices");
    }
    front->window = at;
    front->spectrum = front->window + d->frame;
    front->zero = front->spectrum + rows * used;
    front->pairs = front->zero + rows;
    front->mel = front->pairs + pairs * rows;
    front->bank = front->mel + width * read;
    front->added = front->bank + d->bands * bins;
    front->floor = front->added + width;
    front->rows = features > 0 ? front->floor + width : NULL;
    front->rows_bias = features > 0 ? front->rows + features * width : NULL;
    return SP_OK;
}

/* The weights of a bin act on re^2 and on im^2; with magnitudes the pairs are added first. */
static void spread_bank(sp_front *front) {
    const sp_description *d = &front->description;
    const size_t bins = front->layout.bins, rows = 2 * bins + sp_spectrum_more(d);
    for (size_t k = 0; d->magnitude && k < bins; k++) {
        front->pairs[k * rows + k] = front->pairs[k * rows + bins + k] = 1.0;
    }
    for (size_t m = 0; m < d->bands; m++) {
        const double *from = front->bank + m * bins; /* bank[m,:] */
        double *row = front->mel + m * (d->magnitude ? bins : rows);
        memcpy(row, from, bins * sizeof *row);
        if (!d->magnitude) {
            memcpy(row + bins, from, bins * sizeof *row);
        }
    }
}

/* The energy, behind the bands. One floor serves all of them: that of max(E, f) is that of the
 * bands at E floor / f, and rows.c has what is left. */
static void fill_energy(sp_front *front) {
    const sp_description *d = &front->description;
    const size_t bins = front->layout.bins, rows = 2 * bins + sp_spectrum_more(d);
    const bool whole = d->energy == SP_ENERGY_SPECTRUM;
    front->energy_scale = d->energy_floor > 0.0 ? d->floor / d->energy_floor : 1.0;
    for (size_t k = whole ? 0 : 2 * bins; d->energy != SP_ENERGY_NONE && k < rows; k++) {
        front->mel[d->bands * rows + k] = front->energy_scale;
    }
}

static sp_status fill_bank(sp_error *err, sp_front *front) {
    const sp_description *d = &front->description;
    const bool add = d->floor_rule == SP_FLOOR_ADD;
    SP_TRY(sp_bank_fill(err, front->bank, d));
    spread_bank(front);
    fill_energy(front);
    for (size_t m = 0; m < sp_description_energies(d); m++) {
        (add ? front->added : front->floor)[m] = d->floor;
    }
    return SP_OK;
}

static void list_stages(sp_front *front) {
    const sp_description *d = &front->description;
    const sp_front_layout *l = &front->layout;
    const size_t rows = 2 * l->bins + sp_spectrum_more(d), width = sp_description_energies(d);
    sp_stage *s = front->stage;
    *s++ = (sp_stage){SP_STAGE_AFFINE, "spectrum", l->used, rows, front->spectrum, front->zero};
    *s++ = (sp_stage){SP_STAGE_SQUARE, "power", rows, rows, NULL, NULL};
    if (d->magnitude) {
        *s++ = (sp_stage){SP_STAGE_AFFINE, "bins", rows, l->bins, front->pairs, front->zero};
        *s++ = (sp_stage){SP_STAGE_SQRT, "magnitude", l->bins, l->bins, NULL, NULL};
    }
    *s++ = (sp_stage){SP_STAGE_AFFINE, "mel",      d->magnitude ? l->bins : rows,
                      width,           front->mel, front->added};
    front->core_stages = (size_t)(s - front->stage);
    if (d->floor_rule == SP_FLOOR_AT_LEAST || d->floor_rule == SP_FLOOR_FOR_ZERO) {
        const sp_stage_kind kind =
            d->floor_rule == SP_FLOOR_AT_LEAST ? SP_STAGE_AT_LEAST : SP_STAGE_FOR_ZERO;
        *s++ = (sp_stage){kind, "floor", width, width, NULL, front->floor};
    }
    if (d->log != SP_UNIT_NONE) {
        *s++ = (sp_stage){SP_STAGE_LOG, "log", width, width, NULL, NULL};
    }
    if (front->rows != NULL) {
        *s++ =
            (sp_stage){SP_STAGE_AFFINE, "dct", width, front->base, front->rows, front->rows_bias};
    }
    front->stages = (size_t)(s - front->stage);
    if (!d->magnitude || front->stages == front->core_stages) {
        front->core_stages = front->stages;
    }
}

/* The part of a front end that front_bound.h bounds: of magnitudes up to their bands, of all others
 * up to the features of single frames. */
static sp_status take_core(sp_error *err, sp_front *front) {
    const bool cut = front->core_stages < front->stages;
    if (!cut && front->description.steps == 0) {
        return SP_OK;
    }
    sp_front *core = front->core = malloc(sizeof *core);
    if (core == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a front end");
    }
    *core = *front;
    core->core = NULL;
    core->constants = NULL;
    core->shared = true;
    core->description.steps = 0;
    core->layout.features = core->base;
    if (!cut) {
        return SP_OK;
    }
    core->stages = core->core_stages;
    core->rows = core->rows_bias = NULL;
    core->description.log = SP_UNIT_NONE;
    if (core->description.floor_rule != SP_FLOOR_ADD) {
        core->description.floor_rule = SP_FLOOR_NONE;
    }
    core->layout.features = core->base = sp_description_energies(&core->description);
    return SP_OK;
}

/* What the power is divided by; 0: the window is. */
static double divisor_of(const sp_front *front) {
    const sp_description *d = &front->description;
    double sum = 0.0;
    for (size_t j = 0; j < d->frame; j++) {
        sum += front->window[j] * front->window[j];
    }
    return !(sum > 0.0)                       ? 0.0
           : d->power_norm == SP_POWER_WHOLE  ? 1.0
           : d->power_norm == SP_POWER_OVER_N ? (double)d->fft
                                              : sum;
}

/* Features that are samples have no stages. */
static void build_samples(sp_front *front) {
    const sp_description *d = &front->description;
    front->base = d->frame;
    front->divisor = 1.0;
    front->layout = (sp_front_layout){.sample_rate = d->sample_rate,
                                      .full_scale = d->full_scale,
                                      .frame = d->frame,
                                      .step = d->step,
                                      .before = d->padding.before,
                                      .used = d->frame,
                                      .features = d->frame};
}

static sp_status build(sp_error *err, sp_front *front) {
    const sp_description *d = &front->description;
    if (d->raw) {
        build_samples(front);
        return SP_OK;
    }
    const size_t lead = sp_description_lead(d);
    front->base = sp_rows_features(d);
    front->layout = (sp_front_layout){.sample_rate = d->sample_rate,
                                      .full_scale = d->full_scale,
                                      .peak = d->gain_peak,
                                      .frame = d->frame + lead,
                                      .step = d->step,
                                      .before = d->padding.before,
                                      .used = (d->frame < d->fft ? d->frame : d->fft) + lead,
                                      .bins = sp_description_bins(d),
                                      .bands = sp_description_energies(d),
                                      .features = sp_sequence_width(d, d->steps, front->base)};
    SP_TRY(take_constants(err, front));
    sp_window_fill(front->window, d);
    SP_TRY(fill_bank(err, front));
    SP_TRY(sp_spectrum_matrix(err, front->spectrum, d, front->window));
    front->divisor = divisor_of(front);
    if (!(front->divisor > 0.0)) {
        return sp_fail(err, SP_E_FORMAT, "the window is zero throughout");
    }
    front->top = d->top_db > 0.0 ? d->top_db * (log(10.0) / 10.0) : 0.0;
    if (front->rows != NULL) {
        SP_TRY(sp_rows_fill(err, front->rows, front->rows_bias, d));
    }
    SP_TRY(sp_fft_create(err, &front->fft, d->fft));
    list_stages(front);
    return take_core(err, front);
}

static sp_status parse_in(sp_error *err, sp_front **front, const char *text, size_t size,
                          const char *name, const char *folder) {
    *front = NULL;
    sp_front *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a front end");
    }
    sp_status status = sp_description_parse(err, &made->description, text, size, folder);
    if (status == SP_OK) {
        status = build(err, made);
    }
    if (status != SP_OK) {
        sp_front_destroy(made);
        return sp_error_in(err, name);
    }
    *front = made;
    return SP_OK;
}

sp_status sp_front_parse(sp_error *err, sp_front **front, const char *text, size_t size,
                         const char *name) {
    return parse_in(err, front, text, size, name, NULL);
}

sp_status sp_front_read(sp_error *err, sp_front **front, const char *path) {
    char *text = NULL;
    size_t size = 0;
    *front = NULL;
    SP_TRY(sp_file_read(err, &text, &size, path, SP_FRONT_MAX_FILE));
    const char *slash = strrchr(path, '/');
    char *folder = strdup(slash != NULL ? path : "./");
    sp_status status = SP_E_MEMORY;
    if (folder == NULL) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for a path");
    } else {
        folder[slash != NULL ? (size_t)(slash - path) + 1 : 2] = '\0';
        status = parse_in(err, front, text, size, path, folder);
    }
    free(folder);
    free(text);
    return status;
}

void sp_front_destroy(sp_front *front) {
    if (front == NULL) {
        return;
    }
    sp_front_destroy(front->core);
    if (!front->shared) {
        sp_fft_destroy(front->fft);
        sp_description_clear(&front->description);
        free(front->constants);
    }
    free(front);
}

const sp_front *sp_front_core(const sp_front *front) {
    return front->core != NULL ? front->core : front;
}

const sp_front_layout *sp_front_layout_of(const sp_front *front) {
    return &front->layout;
}

const sp_stage *sp_front_stages(const sp_front *front, size_t *count) {
    *count = front->stages;
    return front->stage;
}

size_t sp_front_padded(const sp_front *front, size_t n) {
    return sp_padding_length(&front->description.padding, n);
}

sp_status sp_front_pad(sp_error *err, double *padded, const sp_front *front, const double *samples,
                       size_t n) {
    const sp_padding *padding = &front->description.padding;
    const size_t length = sp_padding_length(padding, n);
    if (length == 0) {
        return sp_fail(err, SP_E_MISMATCH, "a clip of %zu samples is too short to be padded", n);
    }
    for (size_t i = 0; i < length; i++) {
        double weight = 0.0;
        const size_t at = sp_padding_source(padding, n, i, &weight);
        padded[i] = at != SIZE_MAX ? weight * samples[at] : 0.0;
    }
    return SP_OK;
}

size_t sp_front_frames(const sp_front *front, size_t n) {
    const size_t padded = sp_front_padded(front, n), frame = front->layout.frame;
    const size_t left_out = front->description.drop_last ? 1 : 0;
    const size_t frames = padded < frame ? 0 : (padded - frame) / front->layout.step + 1 - left_out;
    return frames < sp_sequence_least(&front->description) ? 0 : frames;
}

size_t sp_front_samples(const sp_front *front, size_t frames) {
    const size_t complete = frames + (front->description.drop_last ? 1 : 0);
    return frames == 0 ? 0 : (complete - 1) * front->layout.step + front->layout.frame;
}

bool sp_front_is_samples(const sp_front *front) {
    return front->description.raw;
}

const char *sp_front_name(const sp_front *front) {
    return front->description.name;
}

const char *sp_front_hears_all(const sp_front *front) {
    const sp_description *d = &front->description;
    const sp_padding *p = &d->padding;
    return d->gain_peak > 0.0 ? "brings every recording to one peak (\"gain\"), however loud it is"
           : front->top > 0.0
               ? "raises quiet bands by the loudest one of the recording (\"top_db\")"
           : d->steps > 0 ? "looks at several frames at once (\"sequence\")"
           : !sp_padding_plain(p) || (p->rule != SP_PAD_NONE && p->rule != SP_PAD_STEP)
               ? "pads the clip (\"pad\")"
               : NULL;
}
