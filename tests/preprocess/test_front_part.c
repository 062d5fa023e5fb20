/* Bounds of the noises for which one band lies between two values: they hold for each of these, and
 * are closer than the whole's, so that noises from the other side break them. */
#include "tests/preprocess/front_check.h"

enum { DRAWS = 60 };

typedef struct tally {
    size_t inside, broken, closer;
} tally;

/* Towards more or less energy of the band, at random, and louder or quieter samples: then the root
 * of the energy is as far off as its tangent says. */
static void draw(double *d, const sp_front_bound *b, const front_clip *clip, size_t t, size_t m,
                 sp_rng *rng) {
    const double *form = b->form + (t * b->forms + m) * b->frame;
    const double share = sp_rng_uniform(rng, -1.0, 1.0), peak = front_peak(clip);
    const size_t n = clip->n, kind = sp_rng_below(rng, 4);
    for (size_t i = 0; i < n; i++) {
        d[i] = sp_rng_uniform(rng, -1.0, 1.0) * b->radius[i];
    }
    for (size_t i = 0; kind > 0 && i < b->frame && t * b->step + i < n; i++) {
        const size_t at = t * b->step + i;
        const double r = b->radius[at], x = clip->samples[at] / peak;
        d[at] = share * r * (kind == 1 ? (form[i] >= 0.0 ? 1.0 : -1.0) : x);
    }
}

static double level(const sp_front *front, const front_clip *clip, const double *d,
                    const sp_front_bound *b, size_t t, size_t m) {
    front_exact exact;
    front_evaluate(&exact, front, clip->samples, d, clip->n, t * b->step);
    return (double)exact.feature[m];
}

static void check_band(const sp_front *front, const front_clip *clip, const sp_front_bound *b,
                       size_t t, size_t m, sp_rng *rng, tally *sum) {
    double *d = calloc(2 * clip->n, sizeof *d), *first = d + clip->n;
    sp_front_bound side[2];
    sp_error err;
    assert_non_null(d);
    draw(d, b, clip, t, m, rng);
    const double at = level(front, clip, d, b, t, m);
    memcpy(first, d, clip->n * sizeof *d);
    for (int k = 0; k < 2; k++) {
        if (sp_front_bound_part(&err, &side[k], b, t, m, k == 0 ? -INFINITY : at,
                                k == 0 ? at : INFINITY) != SP_OK) {
            fail_msg("%s", err.text);
        }
        const size_t i = t * b->bands + m;
        sum->closer += side[k].up_c[i] - side[k].lo_c[i] < b->up_c[i] - b->lo_c[i];
    }
    for (size_t s = 0; s < DRAWS; s++) {
        draw(d, b, clip, t, m, rng);
        const double near = sp_rng_uniform(rng, 0.9, 1.0);
        for (size_t i = 0; s % 2 > 0 && i < clip->n; i++) { // near the cut
            d[i] = near * first[i];
        }
        const int own = level(front, clip, d, b, t, m) > at;
        const long double slack = front_slack(&side[own], front, clip->samples, d, clip->n, t);
        if (!(slack >= 0.0L)) {
            fail_msg("%s, frame %zu, band %zu, side %d: fails by %Lg", clip->name, t, m, own,
                     -slack);
        }
        sum->inside++;
        sum->broken += front_slack(&side[1 - own], front, clip->samples, d, clip->n, t) < 0.0L;
    }
    sp_front_bound_clear(&side[0]);
    sp_front_bound_clear(&side[1]);
    free(d);
}

static void parts_hold_for_their_noises(void **state) {
    (void)state;
    sp_rng rng;
    tally sum = {0, 0, 0};
    size_t refused = 0;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t i = 0; i < (sp_test_sanitized() ? 6 : sp_test_long() ? 300 : 36); i++) {
        sp_front *front = front_make(i % FRONT_ALL);
        sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
        front_clip clip;
        sp_noise noise = {0};
        sp_front_bound bound;
        sp_error err;
        front_clip_make(&clip, i % 2 ? CLIP_NOISE : CLIP_TONE, 700, &rng);
        const double radius = pow(10.0, sp_rng_uniform(&rng, i % 3 ? 2.0 : -1.0, 3.7));
        assert_int_equal(sp_noise_box(&err, &noise, clip.n, radius), SP_OK);
        if (sp_front_bound_create(&err, &bound, forms, clip.samples, clip.n, &noise) == SP_OK) {
            for (size_t k = 0; k < 4; k++) {
                const size_t t = sp_rng_below(&rng, bound.frames);
                const size_t m = sp_rng_below(&rng, bound.bands);
                if (sp_front_has_parts(&bound, t, m)) {
                    check_band(front, &clip, &bound, t, m, &rng, &sum);
                } else { // a least energy, a gain
                    sp_front_bound part;
                    refused += sp_front_bound_part(&err, &part, &bound, t, m, -1.0, 1.0) ==
                               SP_E_UNSUPPORTED;
                }
            }
            sp_front_bound_clear(&bound);
        }
        sp_noise_clear(&noise);
        free(clip.samples);
        sp_front_forms_destroy(forms);
        sp_front_destroy(front);
    }
    print_message("%zu noises on their sides, %zu break the other one, %zu sides are closer, %zu "
                  "bands refused\n",
                  sum.inside, sum.broken, sum.closer, refused);
    assert_true(refused > 0 && sum.broken > sum.inside / 4 && sum.closer > sum.inside / DRAWS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_hold_for_their_noises)};
    return cmocka_run_group_tests_name("preprocess/front_part", tests, NULL, NULL);
}
