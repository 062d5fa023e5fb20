/* Bounds of sequences: feature i of frame t is x + d, d being number t D + i of the noise. Each row
 * of the forms is a unit vector, both lines are the feature itself, and what a noise set does to
 * the samples it does to the features. */
#include <string.h>

#include "preprocess/bound/impl.h"

void sp_forms_sequence(sp_front_forms *forms, const sp_front_layout *layout) {
    forms->rule = SP_FRONT_JOINT;
    forms->sequence = true;
    forms->span = layout->frame;
    forms->shape = *layout;
    forms->layout = &forms->shape;
}

static void fill(sp_front_bound *b, const double *samples) {
    const size_t D = b->features, n = b->frames * D;
    memset(b->form, 0, n * D * sizeof *b->form);
    for (size_t i = 0; i < n; i++) {
        const double x = samples[i], r = b->radius[i];
        b->form[i * D + i % D] = 1.0;
        b->form_max[i] = r;
        b->lo_w[i] = b->up_w[i] = 1.0;
        b->lo_c[i] = b->up_c[i] = x;
        b->lo[i] = r > 0.0 ? sp_below(x - r) : x;
        b->hi[i] = r > 0.0 ? sp_above(x + r) : x;
    }
}

sp_status sp_front_sequence_bound(sp_error *err, sp_front_bound *bound, const sp_front_forms *forms,
                                  const double *samples, size_t n, const sp_noise *noise) {
    const size_t D = forms->layout->features;
    if (n % D != 0) {
        return sp_fail(err, SP_E_MISMATCH, "%zu numbers are no rows of %zu", n, D);
    }
    *bound = (sp_front_bound){.rule = forms->rule,
                              .frames = n / D,
                              .bands = D,
                              .features = D,
                              .frame = D,
                              .step = D,
                              .padded = n,
                              .joint = true,
                              .forms = D,
                              .set = noise->set,
                              .noise = noise};
    SP_TRY(sp_front_bound_memory(err, bound));
    memcpy(bound->radius, noise->radius, n * sizeof *bound->radius);
    fill(bound, samples);
    return SP_OK;
}
