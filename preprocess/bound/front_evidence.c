/* What a certificate holds of the joint front end: the diagonals, and the numbers z of
 * docs/theory/front-end.md 4.3 that the search for each least energy ended with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "preprocess/bound/impl.h"

static size_t count_weights(const sp_stage *mel) {
    size_t count = 0;
    for (size_t i = 0; i < mel->in * mel->out; i++) {
        count += mel->matrix[i] > 0.0;
    }
    return count;
}

/* The z of band m of a loaded frame, for every row with a weight; rows that are left out have 0. */
static double *fill_witness(double *to, const sp_frame *frame, size_t m, double most, double *z) {
    const sp_stage *mel = frame->forms->mel;
    const sp_band *band = &frame->forms->band[m];
    sp_band_witness(z, frame, band, sqrt(most));
    for (size_t j = 0, k = 0; j < mel->in; j++) {
        if (mel->matrix[m * mel->in + j] > 0.0) {
            const bool met = k < band->rows && band->row[k] == j;
            *to++ = met ? z[k++] : 0.0;
        }
    }
    return to;
}

/* The diagonal that stands for the form: of a box D, of a ball the number that is known of the
 * form. Samples that weigh next to nothing, at the ends of a window, have this part of the largest
 * entry at least, so that no pivot is lost in rounding. */
#define LEAST_PART 0x1p-36

static void fill_diagonal(double *to, const sp_band *band, const sp_stage *spectrum, size_t used,
                          size_t frame, const sp_noise_set *set) {
    const double fact = set->box ? NAN : sp_front_fact(band, spectrum, set) * (1.0 + LEAST_PART);
    double largest = 0.0;
    for (size_t i = 0; i < used; i++) {
        largest = fmax(largest, band->diagonal[i]);
    }
    for (size_t i = 0; i < frame; i++) {
        const double own = fmax(i < used ? band->diagonal[i] : 0.0, LEAST_PART * largest);
        to[i] = set->box ? own : fact;
    }
}

static void fill_forms(sp_front_evidence *e, const sp_front_forms *forms, const sp_noise_set *set) {
    const sp_band *energy = &forms->energy;
    const size_t used = forms->layout->used < e->frame ? forms->layout->used : e->frame;
    for (size_t m = 0; m < e->bands; m++) {
        fill_diagonal(e->diagonal + m * e->frame, &forms->band[m], forms->spectrum, used, e->frame,
                      set);
    }
    memset(e->share, 0, e->rows * sizeof(double));
    for (size_t k = 0; k < energy->rows; k++) {
        e->share[energy->row[k]] = energy->weight[k];
    }
    fill_diagonal(e->energy, energy, forms->spectrum, used, e->frame, set);
}

/* The z of all bands and frames; z [most rows] and `memory` [sp_frame_size] are scratch. */
static sp_status fill_witnesses(sp_error *err, sp_front_evidence *e, const sp_front_forms *forms,
                                const sp_front_bound *bound, const double *samples, size_t n,
                                const sp_noise *noise, double *z, double *memory) {
    sp_front_gain gain;
    sp_front_forms of_clip = {0}; /* with floors over the square of the gain */
    sp_frame frame;
    double *to = e->witness;
    SP_TRY(sp_front_gain_find(err, &gain, forms, samples, n));
    SP_TRY(sp_front_gain_noise(err, &gain, samples, n, noise));
    SP_TRY(sp_front_gain_forms(err, &of_clip, forms, &gain));
    sp_frame_place(&frame, &of_clip, memory);
    sp_status status = SP_OK;
    for (size_t t = 0; t < e->frames && status == SP_OK; t++) {
        if (!sp_frame_load(&frame, samples, n, noise, t)) {
            status = sp_fail(err, SP_E_NONFINITE, "frame %zu has no finite bounds", t);
            break;
        }
        for (size_t m = 0; m < e->bands; m++) {
            const double most = exp(bound->hi[t * e->bands + m] - gain.shift.hi);
            to = fill_witness(to, &frame, m, most, z);
        }
    }
    free(of_clip.band);
    return status;
}

sp_status sp_front_evidence_create(sp_error *err, sp_front_evidence *e, const sp_front_forms *forms,
                                   const sp_front_bound *bound, const double *samples, size_t n,
                                   const sp_noise *noise) {
    if (forms->sequence) {
        return sp_fail(err, SP_E_UNSUPPORTED, "sequences have no front end to be proved");
    }
    const size_t frame_size = sp_frame_size(forms), rows = forms->spectrum->out;
    *e = (sp_front_evidence){.bands = bound->bands,
                             .frame = forms->span + 2 < rows ? forms->span : rows - 2,
                             .rows = rows,
                             .frames = bound->frames,
                             .weights = count_weights(forms->mel)};
    if (bound->rule != SP_FRONT_JOINT || bound->tangents == 0 || noise->set->path ||
        forms->kind != SP_BAND_LOG || forms->top > 0.0 || !sp_padding_plain(&forms->padding)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "certificates know the joint front end under noise of radii, of logarithms "
                       "of the bands without top_db, and no padding in front");
    }
    SP_TRY(sp_front_check(err, forms, samples, n, noise));
    const size_t size =
        (e->bands + 1) * e->frame + e->rows + e->frames * e->weights + forms->most_rows;
    e->memory = malloc((size + frame_size) * sizeof *e->memory);
    if (e->memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a certificate");
    }
    e->diagonal = e->memory;
    e->energy = e->diagonal + e->bands * e->frame;
    e->share = e->energy + e->frame;
    e->witness = e->share + e->rows;
    fill_forms(e, forms, noise->set);
    const sp_status status = fill_witnesses(err, e, forms, bound, samples, n, noise,
                                            e->witness + e->frames * e->weights, e->memory + size);
    if (status != SP_OK) {
        sp_front_evidence_clear(e);
    }
    return status;
}

void sp_front_evidence_clear(sp_front_evidence *e) {
    free(e->memory);
    *e = (sp_front_evidence){0};
}
