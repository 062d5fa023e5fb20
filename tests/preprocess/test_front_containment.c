/* The lines and ranges of all front-end rules hold for every perturbation that random draws and a
 * search find, thin and wide, on real and synthetic clips; and the check sees a bound that is
 * wrong on purpose. */
#include "tests/preprocess/front_search.h"

static sp_rng rng;

static int scaled(int n) {
    return sp_test_sanitized() ? (n + 7) / 8 : sp_test_long() ? 8 * n : n;
}

typedef struct subject {
    const sp_front *front;
    const sp_front_forms *forms;
    const sp_front_bound *bound;
    const front_clip *clip;
    const sp_noise *noise;
} subject;

/* Into the set, where rounding may have left it. */
static void enter(double *d, const sp_noise *noise) {
    if (!noise->set->box) {
        noise->set->project(d, noise->radius, noise->n);
        for (size_t i = 0; i < noise->n; i++) {
            d[i] *= 1.0 - 0x1p-40;
        }
    }
}

/* Puts a perturbation of frame t into the clip-long vector. */
static void place(double *d, const subject *s, size_t t, const double *part) {
    if (!s->noise->set->box) { // the noise is spent here
        memset(d, 0, s->clip->n * sizeof *d);
    }
    for (size_t i = 0; i < s->bound->frame && t * s->bound->step + i < s->clip->n; i++) {
        d[t * s->bound->step + i] = part[i];
    }
    enter(d, s->noise);
}

static void expect(const subject *s, const double *d, size_t t, const char *what) {
    const long double slack = front_slack(s->bound, s->front, s->clip->samples, d, s->clip->n, t);
    if (!(slack >= 0.0L)) {
        fail_msg("rule %d, %s, %s of radius %g, frame %zu: a bound fails by %Lg under %s noise",
                 (int)s->bound->rule, s->clip->name, s->noise->set->name, s->noise->radius[0], t,
                 -slack, what);
    }
}

static void draw(double *d, const sp_noise *noise, int kind) {
    for (size_t i = 0; i < noise->n; i++) {
        const double r = noise->radius[i];
        d[i] = kind == 0   ? 0.0
               : kind == 1 ? r
               : kind == 2 ? -r
               : kind == 3 ? (i % 2 ? r : -r)
               : kind == 4 ? (sp_rng_below(&rng, 2) ? r : -r)
                           : sp_rng_uniform(&rng, -r, r);
    }
    enter(d, noise);
}

/* Searches the worst point of one line or range of band m: side 0 lower line, 1 upper line, 2 lo,
 * 3 hi.
 * Leaves it in part. */
static void worst(double *part, const subject *s, size_t t, size_t m, int side) {
    const sp_front_bound *b = s->bound;
    const size_t at = t * b->bands + m, row = m + (side == 0 ? b->lo_form : b->up_form);
    double x[512] = {0.0}, r[512] = {0.0};
    for (size_t i = 0; i < b->frame && t * b->step + i < s->clip->n; i++) {
        x[i] = s->clip->samples[t * b->step + i];
        r[i] = s->noise->radius[t * b->step + i];
    }
    const bool line = side < 2 && b->forms > 0;
    const front_target target = {.forms = s->forms,
                                 .band = &s->forms->band[m],
                                 .x = x,
                                 .r = r,
                                 .form = line ? b->form + (t * b->forms + row) * b->frame : NULL,
                                 .slope = !line       ? 0.0
                                          : side == 0 ? b->lo_w[at]
                                                      : b->up_w[at],
                                 .sign = side % 2 == 0 ? 1.0 : -1.0,
                                 .set = s->noise->set};
    for (size_t i = 0; i < b->frame; i++) {
        part[i] = sp_rng_below(&rng, 2) ? 0.0 : sp_rng_uniform(&rng, -r[i], r[i]);
    }
    (void)front_search(part, &target, sp_test_sanitized() ? 3 : 5);
}

/* Noise that puts most of its energy into band m of frame t: what attains the support of Q_m d,
 * again and again. */
static void loud(double *part, const subject *s, size_t t, size_t m) {
    const sp_stage *spectrum = s->forms->spectrum;
    const sp_band *band = &s->forms->band[m];
    double y[512], g[512], r[512];
    for (size_t i = 0; i < s->bound->frame; i++) {
        part[i] = sp_rng_uniform(&rng, -1.0, 1.0);
    }
    for (int round = 0; round < 20; round++) {
        sp_rows_times(y, spectrum->matrix, spectrum->in, band->row, band->rows, part);
        for (size_t k = 0; k < band->rows; k++) {
            y[k] *= band->weight[k];
        }
        sp_rows_combine(g, spectrum->matrix, spectrum->in, band->row, band->rows, y);
        for (size_t i = 0; i < s->bound->frame; i++) {
            const size_t at = t * s->bound->step + i;
            r[i] = at < s->clip->n ? s->noise->radius[at] : 0.0;
        }
        s->noise->set->attain(part, g, r, s->bound->frame);
    }
}

static void check_bound(const subject *s) {
    double *d = calloc(s->clip->n, sizeof *d), part[512];
    assert_non_null(d);
    const int frames = s->bound->frames < 2 || sp_test_sanitized() ? 1 : 2;
    for (int f = 0; f < frames; f++) {
        const size_t t = f == 0 ? s->bound->frames - 1 : sp_rng_below(&rng, s->bound->frames);
        for (int kind = 0; kind < 7; kind++) {
            draw(d, s->noise, kind);
            expect(s, d, t, "drawn");
        }
        for (int k = 0; k < scaled(2); k++) {
            const size_t m = sp_rng_below(&rng, s->bound->bands);
            loud(part, s, t, m);
            place(d, s, t, part);
            expect(s, d, t, "loud");
            for (int side = 0; side < 4; side++) {
                worst(part, s, t, m, side);
                place(d, s, t, part);
                expect(s, d, t, "worst");
            }
        }
    }
    free(d);
}

static const double RADII_DB[] = {-120.0, -90.0, -60.0, -40.0, -20.0, 0.0};

/* Every radius, or every third one under a sanitizer. */
static size_t stride(void) {
    return sp_test_sanitized() ? 3 : 1;
}

static void check_set(const sp_front *front, const sp_front_forms *forms, const front_clip *clip,
                      double db, bool uneven, const sp_noise_set *set) {
    const double peak = front_peak(clip);
    sp_noise noise;
    sp_front_bound bound;
    sp_error err;
    const double eps = (peak > 0.0 ? peak : 32768.0) * pow(10.0, db / 20.0);
    assert_int_equal(sp_noise_of(&err, &noise, set, clip->n, eps), SP_OK);
    for (size_t i = 0; i < clip->n && uneven; i++) {
        noise.radius[i] = i / 50 % 3 == 0 ? 0.0 : sp_rng_uniform(&rng, 0.0, eps);
    }
    if (sp_front_bound_create(&err, &bound, forms, clip->samples, clip->n, &noise) != SP_OK) {
        // noise that reaches the peak leaves a gain without bounds
        if (!(sp_front_layout_of(front)->peak > 0.0 && err.code == SP_E_NONFINITE &&
              eps >= 0.99 * peak)) {
            fail_msg("%s in %s at %g dB: %s", clip->name, set->is, db, err.text);
        }
        sp_noise_clear(&noise);
        return;
    }
    const subject s = {front, forms, &bound, clip, &noise};
    check_bound(&s);
    sp_front_bound_clear(&bound);
    sp_noise_clear(&noise);
}

/* Under every set of radii that there is. */
static void check_clip(const sp_front *front, const sp_front_forms *forms, const front_clip *clip,
                       double db, bool uneven) {
    size_t count;
    const sp_noise_set *const *sets = sp_noise_sets(&count);
    for (size_t i = 0; i < count; i++) {
        if (!sets[i]->path) {
            check_set(front, forms, clip, db, uneven, sets[i]);
        }
    }
}

static void check_front(size_t which, sp_front_rule rule) {
    sp_front *front = front_make(which);
    sp_front_forms *forms = front_forms(front, rule);
    for (size_t i = 0; i < sizeof RADII_DB / sizeof *RADII_DB; i += stride()) {
        for (clip_kind kind = 0; kind < CLIP_KINDS; kind++) {
            front_clip clip;
            front_clip_make(&clip, kind, 500 + sp_rng_below(&rng, 100), &rng);
            check_clip(front, forms, &clip, RADII_DB[i], kind % 2 == 1);
            free(clip.samples);
        }
    }
    sp_front_forms_destroy(forms);
    sp_front_destroy(front);
}

static void test_synthetic(void **state) {
    (void)state;
    sp_rng_init(&rng, sp_test_seed());
    for (size_t which = 0; which < FRONT_ALL; which++) {
        check_front(which, SP_FRONT_INTERVAL);
        check_front(which, SP_FRONT_R2);
        check_front(which, SP_FRONT_JOINT);
    }
}

static void test_clips(void **state) {
    (void)state;
    static const char *const names[] = {"4_theo_0", "5_yweweler_0", "2_theo_3"};
    sp_front *front = front_make(0);
    sp_rng_init(&rng, sp_test_seed() + 1);
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        sp_front_forms *forms = front_forms(front, rule);
        for (size_t c = 0; c < 3; c++) {
            front_clip clip;
            if (!front_clip_load(&clip, names[c])) {
                skip();
            }
            for (size_t i = 0; i < sizeof RADII_DB / sizeof *RADII_DB; i += stride()) {
                check_clip(front, forms, &clip, RADII_DB[i], false);
            }
            free(clip.samples);
        }
        sp_front_forms_destroy(forms);
    }
    sp_front_destroy(front);
}

/* The fronts of mycroft-precise as shipped, on sounds as a wake word has them: a tone in a noise
 * floor, in units of full scale. */
static void test_precise(void **state) {
    (void)state;
    static const char *const paths[] = {"examples/fronts/precise-sonopy.json",
                                        "examples/fronts/precise-speechpy.json"};
    sp_rng_init(&rng, sp_test_seed() + 3);
    for (size_t i = 0; i < 2; i++) {
        sp_front *front = NULL;
        assert_int_equal(sp_front_read(NULL, &front, paths[i]), SP_OK);
        sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
        for (size_t k = 0; k < 3; k++) {
            static const double loud[] = {-70.0, -45.0, -25.0};
            front_clip clip;
            front_clip_make(&clip, CLIP_TONE, 3300, &rng);
            for (size_t j = 0; j < clip.n; j++) {
                clip.samples[j] = rint(clip.samples[j] + 30.0 * sp_rng_normal(&rng)) / 32768.0;
            }
            check_clip(front, forms, &clip, i == 0 ? loud[k] : loud[k] - 60.0, k == 1);
            free(clip.samples);
        }
        sp_front_forms_destroy(forms);
        sp_front_destroy(front);
    }
}

/* Energies on both sides of a floor that they are raised to. */
static void test_near_floor(void **state) {
    (void)state;
    sp_front *front = front_make(3);
    sp_rng_init(&rng, sp_test_seed() + 4);
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        sp_front_forms *forms = front_forms(front, rule);
        for (int k = 0; k < scaled(16); k++) {
            front_clip clip;
            front_clip_make(&clip, CLIP_NOISE, 200, &rng);
            const double size = exp(sp_rng_uniform(&rng, log(0.004), log(0.03)));
            for (size_t i = 0; i < clip.n; i++) {
                clip.samples[i] *= size;
            }
            check_clip(front, forms, &clip, sp_rng_uniform(&rng, -40.0, -15.0), false);
            free(clip.samples);
        }
        sp_front_forms_destroy(forms);
    }
    sp_front_destroy(front);
}

/* An exact zero has a value, energies near it have no bound: such sets are refused. */
static void test_for_zero(void **state) {
    (void)state;
    sp_front *front = NULL;
    assert_int_equal(sp_front_read(NULL, &front, "examples/fronts/precise-speechpy.json"), SP_OK);
    double *samples = calloc(2400, sizeof *samples);
    assert_non_null(samples);
    for (sp_front_rule rule = SP_FRONT_INTERVAL; rule <= SP_FRONT_JOINT; rule++) {
        sp_front_forms *forms = front_forms(front, rule);
        sp_front_bound bound;
        sp_noise noise;
        assert_int_equal(sp_noise_box(NULL, &noise, 2400, 0.0), SP_OK);
        assert_int_equal(sp_front_bound_create(NULL, &bound, forms, samples, 2400, &noise), SP_OK);
        for (size_t m = 0; m < bound.bands; m++) {
            assert_true(bound.lo[m] <= log(0x1p-52) && bound.hi[m] >= log(0x1p-52));
            assert_true(bound.hi[m] - bound.lo[m] < 1e-12);
            assert_true(bound.lo_c[m] == bound.lo[m] && bound.up_c[m] == bound.hi[m]);
        }
        sp_front_bound_clear(&bound);
        noise.radius[511] = 1e-9;
        assert_int_equal(sp_front_bound_create(NULL, &bound, forms, samples, 2400, &noise),
                         SP_E_NONFINITE);
        noise.radius[511] = 0.0;
        noise.radius[512] = 1.0; // is not heard
        assert_int_equal(sp_front_bound_create(NULL, &bound, forms, samples, 2400, &noise), SP_OK);
        sp_front_bound_clear(&bound);
        sp_noise_clear(&noise);
        sp_front_forms_destroy(forms);
    }
    free(samples);
    sp_front_destroy(front);
}

/* ---- wrong on purpose ---- */

typedef enum {
    WRONG_NOTHING,
    WRONG_FORM_SIGN,
    WRONG_UPPER_CONSTANT,
    WRONG_LOWER_CONSTANT,
    WRONG_LO,
    WRONG_HI,
    WRONG_FORM_MAX,
    WRONG_SQUARE_SIGN, /* R2 only, and the next */
    WRONG_LOG_CONSTANT,
    WRONG_ENERGY, /* joint only, and the next */
    WRONG_PEAK,
    WRONG_TANGENT,
    WRONG_KINDS
} wrong_kind;

/* Moves what `kind` names by a tenth of the width (flips, for the form). */
static void spoil(sp_front_bound *b, wrong_kind kind) {
    for (size_t i = 0; i < b->frames * b->forms * b->frame && kind == WRONG_FORM_SIGN; i++) {
        b->form[i] = -b->form[i];
    }
    for (size_t i = 0; i < b->frames * b->forms && kind == WRONG_FORM_MAX; i++) {
        b->form_max[i] *= 0.9;
    }
    for (size_t i = 0; i < b->frames * b->bins && kind == WRONG_SQUARE_SIGN; i++) {
        b->square_lo_w[i] = -b->square_lo_w[i];
    }
    for (size_t i = 0; i < b->frames * b->bands && b->bins > 0; i++) {
        b->log_up_c[i] -= kind == WRONG_LOG_CONSTANT ? 1.0 : 0.0;
    }
    for (size_t t = 0; t < b->frames && b->tangents > 0 && kind == WRONG_ENERGY; t++) {
        b->energy[t] *= 0.6;
    }
    if (b->tangents > 0 && kind == WRONG_PEAK) {
        b->peak += b->peaks; // the peaks of the band above
    }
    for (size_t i = 0; i < b->frames * b->tangents * b->bands && kind == WRONG_TANGENT; i++) {
        b->tangent_c[i] -= 0.3 * b->tangent_w[i] * b->square[i % b->bands];
    }
    for (size_t i = 0; i < b->frames * b->bands; i++) {
        const double line = b->up_c[i] - b->lo_c[i], range = b->hi[i] - b->lo[i];
        b->up_c[i] -= kind == WRONG_UPPER_CONSTANT ? 0.9 * line : 0.0;
        b->lo_c[i] += kind == WRONG_LOWER_CONSTANT ? 0.4 * line : 0.0;
        b->lo[i] += kind == WRONG_LO ? 0.1 * range : 0.0;
        b->hi[i] -= kind == WRONG_HI ? 0.3 * range : 0.0;
    }
}

/* The least slack that draws and the search find in the first frame. */
static long double least_slack(const subject *s) {
    double *d = calloc(s->clip->n, sizeof *d), part[512];
    long double least = INFINITY;
    assert_non_null(d);
    for (int kind = 0; kind < 7; kind++) {
        draw(d, s->noise, kind);
        least = fminl(least, front_slack(s->bound, s->front, s->clip->samples, d, s->clip->n, 0));
    }
    for (size_t m = 0; m < s->bound->bands; m++) {
        loud(part, s, 0, m);
        place(d, s, 0, part);
        least = fminl(least, front_slack(s->bound, s->front, s->clip->samples, d, s->clip->n, 0));
        for (int side = 0; side < 4; side++) {
            worst(part, s, 0, m, side);
            place(d, s, 0, part);
            least =
                fminl(least, front_slack(s->bound, s->front, s->clip->samples, d, s->clip->n, 0));
            for (size_t i = 0; i < s->bound->frame; i++) { // the largest value of the form
                const double g =
                    s->bound->forms > 0 ? s->bound->form[m * s->bound->frame + i] : 0.0;
                d[i] = g > 0.0 ? s->noise->radius[i] : -s->noise->radius[i];
            }
            least =
                fminl(least, front_slack(s->bound, s->front, s->clip->samples, d, s->clip->n, 0));
        }
    }
    free(d);
    return least;
}

static void test_wrong_bounds_are_seen(void **state) {
    (void)state;
    sp_front *front = front_make(0);
    sp_rng_init(&rng, sp_test_seed() + 2);
    for (sp_front_rule rule = SP_FRONT_R2; rule <= SP_FRONT_JOINT; rule++) {
        sp_front_forms *forms = front_forms(front, rule);
        for (wrong_kind kind = WRONG_NOTHING; kind < WRONG_KINDS; kind++) {
            front_clip clip;
            sp_noise noise;
            sp_front_bound bound;
            sp_error err;
            front_clip_make(&clip, CLIP_NOISE, 400, &rng);
            const double eps = front_peak(&clip) * 1e-3;
            assert_int_equal(sp_noise_box(&err, &noise, clip.n, eps), SP_OK);
            assert_int_equal(
                sp_front_bound_create(&err, &bound, forms, clip.samples, clip.n, &noise), SP_OK);
            // R2's boxes are loose: a tenth of one does not show in the values that are attained
            const bool sound =
                kind == WRONG_NOTHING ||
                (rule == SP_FRONT_JOINT && kind >= WRONG_SQUARE_SIGN && kind < WRONG_ENERGY) ||
                (rule == SP_FRONT_R2 && kind >= WRONG_ENERGY);
            const bool telling = rule == SP_FRONT_JOINT || sound || kind == WRONG_FORM_SIGN ||
                                 kind >= WRONG_FORM_MAX;
            spoil(&bound, kind);
            const subject s = {front, forms, &bound, &clip, &noise};
            const long double slack = least_slack(&s);
            if (telling && sound != (slack >= 0.0L)) {
                fail_msg("rule %d spoiled by %d: slack %Lg", (int)rule, (int)kind, slack);
            }
            sp_front_bound_clear(&bound);
            sp_noise_clear(&noise);
            free(clip.samples);
        }
        sp_front_forms_destroy(forms);
    }
    sp_front_destroy(front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synthetic), cmocka_unit_test(test_clips),
        cmocka_unit_test(test_precise),   cmocka_unit_test(test_near_floor),
        cmocka_unit_test(test_for_zero),  cmocka_unit_test(test_wrong_bounds_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
