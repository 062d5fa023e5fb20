/* The front end: its constants, its list of stages and its frame count. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "preprocess/impl.h"

static size_t bins_of(const sp_description *d) {
    return d->fft / 2 + 1;
}

// One block for all constants; SP_E_UNSUPPORTED when the description asks for too much.
static sp_status take_constants(sp_error *err, sp_front *front) {
    const sp_description *d = &front->description;
    const size_t rows = 2 * bins_of(d);
    // at most 2^33 + 2^26: no overflow on 64 bits
    const size_t used = front->layout.used, bands = front->layout.bands;
    const unsigned long long entries = (unsigned long long)rows * (used + bands + 1) + d->frame +
                                       2 * bands + d->coefficients * (bands + 1);
    if (entries > SP_FRONT_MAX_ENTRIES) {
        return sp_fail(
            err, SP_E_UNSUPPORTED,
            "frame %zu with fft %zu needs matrices of %llu MiB, the limit is %llu; use a "
            "shorter frame or fft",
            used, d->fft, entries >> 17, (unsigned long long)SP_FRONT_MAX_ENTRIES >> 17);
    }
    double *at = front->constants = calloc((size_t)entries, sizeof *at);
    if (at == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the front end's matrices");
    }
    front->window = at;
    front->spectrum = front->window + d->frame;
    front->zero = front->spectrum + rows * used;
    front->mel = front->zero + (rows > d->coefficients ? rows : d->coefficients);
    front->added = front->mel + bands * rows;
    front->floor = front->added + bands;
    front->dct = d->coefficients > 0 ? front->floor + bands : NULL;
    return SP_OK;
}

// The mel weights of a bin act on re^2 and on im^2. Filled at the front of the block, then spread.
static sp_status fill_mel(sp_error *err, sp_front *front) {
    const size_t bins = bins_of(&front->description), bands = front->description.bands;
    SP_TRY(sp_mel_bank(err, front->mel, &front->description));
    for (size_t m = bands; m-- > 0;) {
        double *row = front->mel + m * 2 * bins;
        memmove(row, front->mel + m * bins, bins * sizeof *row);
        memcpy(row + bins, row, bins * sizeof *row);
    }
    for (size_t k = 0; front->description.log_energy && k < 2 * bins; k++) {
        front->mel[bands * 2 * bins + k] = 1.0;
    }
    const bool add = front->description.floor_rule == SP_FLOOR_ADD;
    for (size_t m = 0; m < front->layout.bands; m++) {
        (add ? front->added : front->floor)[m] = front->description.floor;
    }
    return SP_OK;
}

static void list_stages(sp_front *front) {
    const sp_front_layout *l = &front->layout;
    const sp_floor_rule rule = front->description.floor_rule;
    const size_t rows = 2 * l->bins, bands = l->bands;
    sp_stage *s = front->stage;
    *s++ = (sp_stage){SP_STAGE_AFFINE, "spectrum", l->used, rows, front->spectrum, front->zero};
    *s++ = (sp_stage){SP_STAGE_SQUARE, "power", rows, rows, NULL, NULL};
    *s++ = (sp_stage){SP_STAGE_AFFINE, "mel", rows, bands, front->mel, front->added};
    if (rule != SP_FLOOR_ADD) {
        const sp_stage_kind kind =
            rule == SP_FLOOR_AT_LEAST ? SP_STAGE_AT_LEAST : SP_STAGE_FOR_ZERO;
        *s++ = (sp_stage){kind, "floor", bands, bands, NULL, front->floor};
    }
    *s++ = (sp_stage){SP_STAGE_LOG, "log", bands, bands, NULL, NULL};
    if (front->dct != NULL) {
        *s++ = (sp_stage){SP_STAGE_AFFINE, "dct", bands, l->features, front->dct, front->zero};
    }
    front->stages = (size_t)(s - front->stage);
}

static sp_status build(sp_error *err, sp_front *front) {
    const sp_description *d = &front->description;
    const size_t bands = sp_description_energies(d);
    front->layout = (sp_front_layout){.sample_rate = d->sample_rate,
                                      .full_scale = d->full_scale,
                                      .peak = d->gain_peak,
                                      .frame = d->frame,
                                      .step = d->step,
                                      .used = d->frame < d->fft ? d->frame : d->fft,
                                      .bins = bins_of(d),
                                      .bands = bands,
                                      .features = d->coefficients > 0 ? d->coefficients : bands};
    SP_TRY(take_constants(err, front));
    sp_window_fill(front->window, d->frame, d->window);
    SP_TRY(fill_mel(err, front));
    SP_TRY(sp_spectrum_matrix(err, front->spectrum, d, front->window));
    if (front->dct != NULL) {
        sp_dct_fill(front->dct, d);
    }
    SP_TRY(sp_fft_create(err, &front->fft, d->fft));
    list_stages(front);
    return SP_OK;
}

sp_status sp_front_parse(sp_error *err, sp_front **front, const char *text, size_t size,
                         const char *name) {
    *front = NULL;
    sp_front *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a front end");
    }
    sp_status status = sp_description_parse(err, &made->description, text, size);
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

sp_status sp_front_read(sp_error *err, sp_front **front, const char *path) {
    char *text = NULL;
    size_t size = 0;
    *front = NULL;
    SP_TRY(sp_file_read(err, &text, &size, path, SP_FRONT_MAX_FILE));
    const sp_status status = sp_front_parse(err, front, text, size, path);
    free(text);
    return status;
}

void sp_front_destroy(sp_front *front) {
    if (front != NULL) {
        sp_fft_destroy(front->fft);
        free(front->constants);
        free(front);
    }
}

const sp_front_layout *sp_front_layout_of(const sp_front *front) {
    return &front->layout;
}

const sp_stage *sp_front_stages(const sp_front *front, size_t *count) {
    *count = front->stages;
    return front->stage;
}

size_t sp_front_padded(const sp_front *front, size_t n) {
    const bool pad = front->description.pad_step && n % front->layout.step != 0;
    return pad ? n + front->layout.step : n;
}

size_t sp_front_frames(const sp_front *front, size_t n) {
    const size_t padded = sp_front_padded(front, n), frame = front->layout.frame;
    const size_t left_out = front->description.drop_last ? 1 : 0;
    return padded < frame ? 0 : (padded - frame) / front->layout.step + 1 - left_out;
}

size_t sp_front_samples(const sp_front *front, size_t frames) {
    const size_t complete = frames + (front->description.drop_last ? 1 : 0);
    return frames == 0 ? 0 : (complete - 1) * front->layout.step + front->layout.frame;
}

const char *sp_front_name(const sp_front *front) {
    return front->description.name;
}
