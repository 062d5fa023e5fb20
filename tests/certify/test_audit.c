/* Audits of small random wake-word models: what is certified holds for sampled noise, what is
 * broken is broken, and files that break are heard again. */
#include "tests/certify/audited.h"

/* ---- one-dimensional noise ---- */

/* No logit may come nearer to the threshold than was proved. */
static void check_margin(const wake *w, const sp_finding *f, bool fire, const double *samples) {
    const double logit = logit_of(w, samples, (long)f->frame);
    const double distance = (fire ? 1.0 : -1.0) * (logit - f->threshold);
    if (!(distance >= f->margin - 1e-9)) {
        fail_msg("%s: a margin of %g was proved, %g attained", sp_property_name(f->property),
                 f->margin, distance);
    }
}

static void check_line(const wake *w, const sp_finding *f, bool fire, int draws) {
    double samples[N];
    const double peak = w->clip.peak;
    const double most =
        isfinite(f->certified.db_peak) ? peak * pow(10.0, f->certified.db_peak / 20.0) : 0.0;
    for (int k = 0; k <= draws; k++) {
        const double a = most * (1.0 - 1e-12) * (double)k / draws;
        for (size_t i = 0; i < N; i++) {
            samples[i] = w->clip.samples[i] + a * w->noise[i];
        }
        if (does(w, f->property, samples, f->frame) != fire) {
            fail_msg("%s: certified up to %g dB, broken at level %g of %g",
                     sp_property_name(f->property), f->certified.db_peak, a, most);
        }
        if (f->property == SP_PROPERTY_NOISE_LINE && isfinite(f->certified.db_peak)) {
            check_margin(w, f, fire, samples);
        }
    }
    if (isfinite(f->certified.db_peak)) {
        assert_true(f->margin > 0.0 && isfinite(f->margin) && f->pieces > 0);
    }
    if (isfinite(f->broken.db_peak)) {
        assert_true(!(f->certified.db_peak >= f->broken.db_peak));
        const double a = peak * pow(10.0, f->broken.db_peak / 20.0);
        for (size_t i = 0; i < N; i++) {
            samples[i] = w->clip.samples[i] + a * w->noise[i];
        }
        assert_true(does(w, f->property, samples, f->frame) != fire);
    }
}

static void lines_hold(void **state) {
    (void)state;
    const uint64_t seeds = sp_test_long() ? 60 : 12;
    size_t certified[SP_PROPERTIES] = {0}, broken = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        wake w;
        const bool fire = seed % 2 == 0;
        const sp_property asked[2] = {SP_PROPERTY_NOISE_LINE,
                                      fire ? SP_PROPERTY_STREAM_FIRE : SP_PROPERTY_STREAM_SILENT};
        make(&w, seed, fire ? 0.3 : -0.3);
        w.audit.trigger.rule = (sp_trigger_rule)(seed / 2 % 3);
        w.audit.trigger.least = 2;
        w.audit.trigger.silence = 1;
        w.audit.trigger.low = w.audit.trigger.threshold - 0.2;
        for (int k = 0; k < 2; k++) {
            sp_finding f;
            sp_error err = {0};
            if (sp_audit_property(&err, &f, &w.audit, asked[k], NULL) != SP_OK) {
                fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
            }
            if (f.kind != SP_VERDICT_MISCLASSIFIED) {
                check_line(&w, &f, fire, 60);
            }
            certified[asked[k]] += f.kind == SP_VERDICT_CERTIFIED;
            broken += isfinite(f.broken.db_peak);
            if (isfinite(f.file.db_peak)) { // heard again, also the file's sample format
                assert_true(f.file.db_peak >= f.broken.db_peak - 1e-9);
                assert_true(k == 1 || (f.file_logit >= f.threshold) != fire);
            }
            sp_finding_clear(&f);
        }
        clear(&w);
    }
    assert_true(certified[SP_PROPERTY_NOISE_LINE] > 1);
    assert_true(certified[SP_PROPERTY_STREAM_FIRE] > 0);
    assert_true(certified[SP_PROPERTY_STREAM_SILENT] > 0);
    assert_true(broken > 1);
}

/* Whether a method proves the window on a line up to level `most` in one part; its margin. */
static bool proves(const wake *w, const sp_method *method, double most, bool fire, double *margin) {
    sp_pipeline pipeline = w->pipeline;
    sp_stream stream = {0};
    sp_noise line = {0};
    sp_audit_line_result answer;
    const sp_trigger single = {.threshold = w->audit.trigger.threshold, .chunk = 64};
    pipeline.method = method;
    assert_int_equal(sp_stream_one(NULL, &stream, &pipeline, 4), SP_OK);
    assert_int_equal(sp_noise_line(NULL, &line, w->noise, N, 0.0, most), SP_OK);
    const sp_audit_line question = {.pipeline = &pipeline,
                                    .stream = &stream,
                                    .trigger = &single,
                                    .clip = &w->clip,
                                    .noise = &line,
                                    .fire = fire,
                                    .most = 1};
    assert_int_equal(sp_audit_line_prove(NULL, &answer, &question), SP_OK);
    *margin = answer.weakest;
    sp_noise_clear(&line);
    sp_stream_clear(&stream);
    return answer.hi >= most;
}

/* opt-rest and opt-bab are opt and more in an audit as they are in a certificate. */
static void audits_refine(void **state) {
    (void)state;
    const sp_method *const opt = sp_method_find("opt");
    size_t refined[2] = {0, 0};
    for (uint64_t seed = 1; seed <= 24; seed++) {
        const sp_method *more = sp_method_find(seed / 2 % 2 > 0 ? "opt-bab" : "opt-rest");
        wake w;
        const bool fire = seed % 2 == 0;
        make(&w, seed, fire ? 0.3 : -0.3);
        for (double most = 0.05; most < 8.0; most *= 1.3) {
            double margin[2];
            const bool before = proves(&w, opt, most, fire, &margin[0]);
            const bool after = proves(&w, more, most, fire, &margin[1]);
            assert_true(after || !before);
            refined[seed / 2 % 2] += after && !before;
            for (int k = 0; after && k <= 40; k++) {
                const sp_finding proof = {.property = SP_PROPERTY_NOISE_LINE,
                                          .threshold = w.audit.trigger.threshold,
                                          .margin = margin[1],
                                          .frame = 4};
                double samples[N];
                for (size_t i = 0; i < N; i++) {
                    samples[i] = w.clip.samples[i] + most * k / 40.0 * w.noise[i];
                }
                check_margin(&w, &proof, fire, samples);
            }
        }
        clear(&w);
    }
    assert_true(refined[0] > 0 && refined[1] > 0);
}

static void gains_hold(void **state) {
    (void)state;
    size_t certified = 0;
    for (uint64_t seed = 1; seed <= (sp_test_sanitized() ? 3 : 10); seed++) {
        wake w;
        const bool fire = seed % 2 == 0;
        double samples[N];
        sp_finding f;
        make(&w, seed, fire ? 0.5 : -0.5);
        assert_int_equal(sp_audit_property(NULL, &f, &w.audit, SP_PROPERTY_GAIN, NULL), SP_OK);
        certified += f.kind == SP_VERDICT_CERTIFIED;
        for (int k = 0; k <= 40 && isfinite(f.gain_lo); k++) {
            const double db = f.gain_lo + (f.gain_hi - f.gain_lo) * k / 40.0 * (1.0 - 1e-12);
            for (size_t i = 0; i < N; i++) {
                samples[i] = pow(10.0, db / 20.0) * w.clip.samples[i];
            }
            check_margin(&w, &f, fire, samples);
            if (does(&w, f.property, samples, f.frame) != fire) {
                fail_msg("seed %llu: certified from %g to %g dB, broken at %g",
                         (unsigned long long)seed, f.gain_lo, f.gain_hi, db);
            }
        }
        if (isfinite(f.gain_broken)) {
            assert_true(f.gain_broken > f.gain_hi || f.gain_broken < f.gain_lo);
        }
        sp_finding_clear(&f);
        clear(&w);
    }
    assert_true(certified > 1);
}

/* ---- boxes ---- */

/* Random corners and points of noise up to the certified level in `frames` frames of the window. */
static void check_box(const wake *w, const sp_finding *f, bool fire, size_t first, size_t frames,
                      double db) {
    const double eps = w->clip.peak * pow(10.0, db / 20.0) * (1.0 - 1e-12);
    const size_t begin = first * 60, end = begin + (frames - 1) * 60 + 48;
    double samples[N];
    for (int k = 0; k < 60; k++) {
        for (size_t i = 0; i < N; i++) {
            const double u = sp_rng_uniform(&rng, -1.0, 1.0);
            const bool noisy = i >= begin && i < end;
            samples[i] = w->clip.samples[i] + (!noisy ? 0.0 : k % 2 ? copysign(eps, u) : eps * u);
        }
        if (does(w, SP_PROPERTY_FIRE, samples, f->frame) != fire) {
            fail_msg("%s: certified at %g dB from frame %zu on, broken by random noise",
                     sp_property_name(f->property), db, first);
        }
    }
}

static void boxes_hold(void **state) {
    (void)state;
    size_t certified = 0, broken = 0, kept = 0;
    for (uint64_t seed = 1; seed <= (sp_test_sanitized() ? 2 : 6); seed++) {
        wake w;
        const bool fire = seed % 2 == 0;
        char out[PATH + 16];
        sp_finding f;
        make(&w, seed, fire ? 0.3 : -0.3);
        snprintf(out, sizeof out, "%s.broken.wav", w.path);
        const sp_property property = fire ? SP_PROPERTY_FIRE : SP_PROPERTY_SILENT;
        assert_int_equal(sp_audit_property(NULL, &f, &w.audit, property, out), SP_OK);
        certified += isfinite(f.certified.db_peak);
        broken += isfinite(f.broken.db_peak);
        assert_true(!(f.certified.db_peak >= f.broken.db_peak));
        if (isfinite(f.certified.db_peak)) {
            check_box(&w, &f, fire, f.frame, STEPS, f.certified.db_peak);
        }
        if (f.kept) {
            const sp_clip_options options = {.rate = RATE, .full_scale = 1.0};
            sp_clip heard;
            kept++;
            assert_int_equal(sp_clip_read(NULL, &heard, out, &options), SP_OK);
            assert_int_equal(heard.n, sp_front_samples(w.front, STEPS));
            assert_true((f.file_logit >= f.threshold) != fire);
            const double eps = w.clip.peak * pow(10.0, f.file.db_peak / 20.0) * (1.0 + 1e-9);
            for (size_t i = 0; i < heard.n; i++) {
                const double d = heard.samples[i] - w.clip.samples[f.frame * 60 + i];
                assert_true(fabs(d) <= eps);
            }
            sp_clip_clear(&heard);
            unlink(out);
        }
        sp_finding_clear(&f);
        clear(&w);
    }
    assert_true(certified > 0 && broken > 0 && kept > 0);
}

static void bursts_hold(void **state) {
    (void)state;
    for (uint64_t seed = 2; seed <= (sp_test_sanitized() ? 2 : 4); seed += 2) {
        wake w;
        sp_finding f;
        make(&w, seed, 0.3);
        double logit = NAN;
        size_t window = 0;
        bool fires = false;
        assert_int_equal(sp_audit_run(NULL, &logit, &window, &fires, &w.audit), SP_OK);
        assert_int_equal(sp_audit_property(NULL, &f, &w.audit, SP_PROPERTY_BURST, NULL), SP_OK);
        assert_int_equal(f.places, STEPS - 1);
        double least = INFINITY;
        for (size_t i = 0; i < f.places; i++) {
            sp_finding at = f;
            at.frame = window;
            least = fmin(least, f.place_db[i]);
            check_box(&w, &at, true, window + i, 2, f.place_db[i]);
        }
        assert_true(least == f.certified.db_peak);
        assert_true(f.place_db[f.frame - window] == least);
        sp_finding_clear(&f);
        clear(&w);
    }
}

static void budgets_are_decided(void **state) {
    (void)state;
    wake w;
    size_t kinds[SP_VERDICT_KINDS] = {0};
    make(&w, 2, 0.3);
    for (double db = -110.0; db <= -5.0; db += 35.0) {
        const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = db};
        static const sp_property asked[] = {SP_PROPERTY_FIRE, SP_PROPERTY_BURST,
                                            SP_PROPERTY_NOISE_LINE, SP_PROPERTY_STREAM_FIRE};
        w.audit.budget = &budget;
        for (size_t k = 0; k < 4; k++) {
            sp_finding f;
            sp_error err = {0};
            if (sp_audit_property(&err, &f, &w.audit, asked[k], NULL) != SP_OK) {
                fail_msg("%s at %g dB: %s", sp_property_name(asked[k]), db, err.text);
            }
            kinds[f.kind]++;
            if (f.kind == SP_VERDICT_CERTIFIED) {
                assert_true(fabs(f.certified.db_peak - db) < 1e-6);
                assert_true(isnan(f.broken.db_peak));
            } else {
                assert_true(isnan(f.certified.db_peak) || k >= 2);
                assert_true(f.reason[0] != '\0');
            }
            sp_finding_clear(&f);
        }
    }
    assert_true(kinds[SP_VERDICT_CERTIFIED] > 1 && kinds[SP_VERDICT_BROKEN] > 1);
    assert_int_equal(kinds[SP_VERDICT_ERROR], 0);
    clear(&w);
}

/* ---- the rest ---- */

static void dead_samples_change_nothing(void **state) {
    (void)state;
    wake w;
    sp_finding f;
    make(&w, 3, -0.3);
    assert_int_equal(sp_audit_property(NULL, &f, &w.audit, SP_PROPERTY_DEAD, NULL), SP_OK);
    assert_int_equal(f.kind, SP_VERDICT_CERTIFIED);
    // of 4 * 60 + 90 samples, the 5 frames hear 48 each
    assert_true(fabs(f.dead - (330.0 - 5 * 48) / 330.0) < 1e-12);
    clear(&w);
}

static void questions_that_cannot_be(void **state) {
    (void)state;
    wake w;
    sp_finding f;
    sp_clip part;
    make(&w, 4, 0.3);
    assert_int_equal(sp_audit_property(NULL, &f, &w.audit, SP_PROPERTY_SILENT, NULL), SP_OK);
    assert_int_equal(f.kind, SP_VERDICT_MISCLASSIFIED);
    assert_true(isnan(f.certified.db_peak) && f.reason[0] != '\0');
    assert_int_equal(sp_clip_part(NULL, &part, &w.clip, 0, 300), SP_OK);
    w.audit.clip = &part;
    assert_int_equal(sp_audit_property(NULL, &f, &w.audit, SP_PROPERTY_FIRE, NULL), SP_E_MISMATCH);
    assert_int_equal(f.kind, SP_VERDICT_ERROR);
    assert_non_null(strstr(f.reason, "--before"));
    w.audit.clip = &w.clip;
    w.audit.burst = STEPS + 1;
    assert_int_equal(sp_audit_property(NULL, &f, &w.audit, SP_PROPERTY_BURST, NULL), SP_E_ARGUMENT);
    w.net.steps = 0;
    assert_int_equal(sp_audit_property(NULL, &f, &w.audit, SP_PROPERTY_GAIN, NULL),
                     SP_E_UNSUPPORTED);
    w.net.steps = STEPS;
    w.audit.timeout = 1e-9;
    sp_status status = sp_audit_property(NULL, &f, &w.audit, SP_PROPERTY_STREAM_FIRE, NULL);
    assert_true(f.kind != SP_VERDICT_ERROR && (status == SP_OK || status == SP_E_TIMEOUT));
    assert_true(f.kind == SP_VERDICT_TIMEOUT || f.pieces > 0);
    sp_clip_clear(&part);
    clear(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_hold),
        cmocka_unit_test(audits_refine),
        cmocka_unit_test(gains_hold),
        cmocka_unit_test(boxes_hold),
        cmocka_unit_test(bursts_hold),
        cmocka_unit_test(budgets_are_decided),
        cmocka_unit_test(dead_samples_change_nothing),
        cmocka_unit_test(questions_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
