/* Audits of models that answer after every hop of a stream: what is proved of the hops of a place,
 * and of a trigger, holds for noise in the recording itself. */
#include "tests/certify/audited.h"

enum { BURST_HOPS = 2, MOST_HOPS = 64, MOST_FRAMES = 3 };

static const char SAMPLES[] =
    "{\"sample_rate\": 8000, \"scale\": \"unit\", \"samples\": {\"frame\": "
    "80, \"step\": 60, \"before\": 20}}";

/* per: frames of a hop, whose answer is that of the last one. */
static void make_stream_net(sp_net *net, size_t features, size_t per) {
    double w[4 * H * F], r[4 * H * H], b[4 * H], out[H], offset[1];
    numbers(w, 4 * H * F, 0.15);
    numbers(r, 4 * H * H, 0.5);
    numbers(b, 4 * H, 0.5);
    numbers(out, H, 2.0);
    numbers(offset, 1, 0.2);
    assert_int_equal(sp_net_init(NULL, net, features), SP_OK);
    if (features > F) { // the model takes its energies itself
        double wave[2 * F * 80], sum[F * 2 * F], zero[2 * F] = {0.0}, floor[F];
        numbers(wave, 2 * F * features, 0.5);
        for (size_t i = 0; i < F * 2 * F; i++) {
            sum[i] = sp_rng_uniform(&rng, 0.0, 1.0);
        }
        for (size_t i = 0; i < F; i++) {
            floor[i] = 1e-4;
        }
        assert_int_equal(sp_net_add_affine(NULL, net, 2 * F, wave, zero), SP_OK);
        assert_int_equal(sp_net_add_curve(NULL, net, (sp_activation){.kind = SP_ACTIVATION_SQUARE}),
                         SP_OK);
        assert_int_equal(sp_net_add_affine(NULL, net, F, sum, floor), SP_OK);
        assert_int_equal(sp_net_add_curve(NULL, net, (sp_activation){.kind = SP_ACTIVATION_LOG}),
                         SP_OK);
    }
    assert_int_equal(sp_net_add_lstm(NULL, net, H, w, r, b), SP_OK);
    assert_int_equal(sp_net_add_affine(NULL, net, 1, out, offset), SP_OK);
    net->every = true;
    if (per > 1) {
        double pick[MOST_FRAMES] = {0.0}, none[1] = {0.0};
        pick[per - 1] = 1.0;
        const sp_timing timing = {.taps = per, .stride = per, .dilation = 1};
        assert_int_equal(sp_net_add_convolution(NULL, net, 1, timing, pick, none), SP_OK);
        net->hop = per;
    }
}

static size_t hear(const wake *w, double *logit, const double *samples) {
    assert_int_equal(sp_front_frames(w->front, N) <= MOST_HOPS, 1);
    sp_clip clip = w->clip;
    clip.samples = (double *)samples;
    sp_error err = {0};
    if (sp_pipeline_clean(&err, &w->pipeline, logit, &clip) != SP_OK) {
        fail_msg("%s", err.text);
    }
    return sp_net_rows(&w->net, 0, sp_front_frames(w->front, N));
}

/* The threshold lies amid what the hops say. */
static void make_stream(wake *w, uint64_t seed, bool samples) {
    const char *front = samples ? SAMPLES : FRONT;
    double logit[MOST_HOPS], mean = 0.0;
    const sp_method *exact = sp_method_find("exact");
    memset(w, 0, sizeof *w);
    sp_rng_init(&rng, seed);
    assert_int_equal(sp_front_parse(NULL, &w->front, front, strlen(front), "front"), SP_OK);
    const size_t per = 1 + seed % MOST_FRAMES;
    make_stream_net(&w->net, sp_front_layout_of(w->front)->features, per);
    make_clip(w, seed);
    assert_int_equal(sp_pipeline_init(NULL, &w->pipeline, &w->net, w->front, exact, exact->front),
                     SP_OK);
    assert_int_equal(sp_attacker_init(NULL, &w->attacker, &w->pipeline), SP_OK);
    const size_t hops = hear(w, logit, w->clip.samples);
    for (size_t i = 0; i < hops; i++) {
        mean += logit[i] / (double)hops;
    }
    w->pipeline.threshold = mean;
    w->audit = (sp_audit){.attacker = &w->attacker,
                          .trigger = {.threshold = mean,
                                      .rule = (sp_trigger_rule)(seed % 3),
                                      .level = 1,
                                      .least = 1 + seed % 2,
                                      .silence = 1,
                                      .low = mean - 0.05,
                                      .chunk = sp_front_layout_of(w->front)->step * per},
                          .clip = &w->clip,
                          .source = w->path,
                          .burst = BURST_HOPS,
                          .every = 3,
                          .tolerance = 3.0,
                          .attack = {.steps = 8, .starts = 2, .seed = 1}};
}

static void clear_stream(wake *w) {
    sp_attacker_clear(&w->attacker);
    sp_pipeline_clear(&w->pipeline);
    sp_clip_clear(&w->clip);
    sp_front_destroy(w->front);
    sp_net_clear(&w->net);
}

/* The samples that hop `first` hears and no hop before it, and so on for the burst. */
static void noisy_samples(const wake *w, size_t first, size_t *begin, size_t *end) {
    const sp_front_layout *layout = sp_front_layout_of(w->front);
    const size_t shared = layout->used > layout->step ? layout->used - layout->step : 0;
    const size_t per = sp_net_hop(&w->net);
    const size_t at = first * per * layout->step + (first > 0 ? shared : 0);
    const size_t last = ((first + BURST_HOPS) * per - 1) * layout->step + layout->used;
    *begin = at > layout->before ? at - layout->before : 0;
    *end = last - layout->before;
}

static void check_places(const wake *w, const sp_finding *f, const double *clean) {
    const double threshold = w->audit.trigger.threshold;
    double noisy[N], logit[MOST_HOPS];
    for (size_t i = 0; i < f->places; i++) {
        const size_t first = i * w->audit.every;
        size_t begin, end;
        noisy_samples(w, first, &begin, &end);
        for (int k = 0; k < 20 && isfinite(f->place_db[i]); k++) {
            const double eps = w->clip.peak * pow(10.0, f->place_db[i] / 20.0) * (1.0 - 1e-12);
            memcpy(noisy, w->clip.samples, sizeof noisy);
            for (size_t s = begin; s < end; s++) {
                const double u = sp_rng_uniform(&rng, -1.0, 1.0);
                noisy[s] += eps * (k % 2 ? u : u < 0.0 ? -1.0 : 1.0);
            }
            hear(w, logit, noisy);
            for (size_t h = first; h < first + BURST_HOPS; h++) {
                if ((logit[h] >= threshold) != (clean[h] >= threshold)) {
                    fail_msg("place %zu: certified up to %g dB, but hop %zu changes its side",
                             first, f->place_db[i], h);
                }
            }
        }
    }
}

static void hops_of_every_place_hold(void **state) {
    (void)state;
    size_t certified = 0, files = 0;
    for (uint64_t seed = 1; seed <= 9; seed++) {
        const sp_budget budget = {.unit = SP_BUDGET_DB_PEAK, .value = -60.0};
        double clean[MOST_HOPS], logit[MOST_HOPS];
        char out[PATH];
        sp_error err = {0};
        sp_finding f;
        wake w;
        make_stream(&w, seed, seed % 2);
        w.audit.budget = seed % 4 == 0 ? &budget : NULL;
        sp_test_scratch("certify_hops.wav", out, sizeof out);
        const size_t hops = hear(&w, clean, w.clip.samples);
        if (sp_audit_property(&err, &f, &w.audit, SP_PROPERTY_HOPS, out) != SP_OK) {
            fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
        }
        assert_int_equal(f.places, (hops - BURST_HOPS) / w.audit.every + 1);
        check_places(&w, &f, clean);
        for (size_t i = 0; i < f.places; i++) { // the weakest is named
            assert_true(w.audit.budget || !(f.place_db[i] < f.certified.db_peak));
            certified += isfinite(f.place_db[i]);
        }
        assert_true(isnan(f.broken.db_peak) || !(f.certified.db_peak >= f.broken.db_peak));
        if (f.kept) { // heard again from the beginning, it changes a hop
            const sp_clip_options options = {.rate = RATE, .full_scale = 1.0};
            sp_clip heard;
            size_t changed = 0, moved = 0;
            assert_int_equal(sp_clip_read(NULL, &heard, out, &options), SP_OK);
            hear(&w, logit, heard.samples);
            for (size_t h = 0; h < hops; h++) {
                changed += (logit[h] >= f.threshold) != (clean[h] >= f.threshold);
            }
            for (size_t s = 0; s < N; s++) {
                moved += heard.samples[s] != w.clip.samples[s];
            }
            assert_true(changed > 0 && moved > 0 && moved <= BURST_HOPS * sp_net_hop(&w.net) * 90);
            sp_clip_clear(&heard);
            files++;
        }
        sp_finding_clear(&f);
        clear_stream(&w);
    }
    assert_true(certified > 10 && files > 0);
}

static void triggers_do_what_they_did(void **state) {
    (void)state;
    size_t certified = 0, fired = 0;
    for (uint64_t seed = 11; seed <= 18; seed++) {
        double noisy[N], logit[MOST_HOPS];
        sp_error err = {0};
        sp_finding f;
        wake w;
        double share[N];
        const sp_noise_profile profile = {share, N};
        for (size_t s = 0; s < N; s++) {
            share[s] = seed % 3 == 1 ? (s < N / 2 ? 0.0 : (double)(s % 4) / 3.0) : 1.0;
        }
        make_stream(&w, seed, seed % 2);
        w.audit.tolerance = 6.0;
        w.audit.profile = seed % 3 == 1 ? &profile : NULL;
        w.audit.deployed = seed % 3 == 2 ? SP_BUDGET_AS_INT16 : SP_BUDGET_AS_REAL;
        const size_t hops = hear(&w, logit, w.clip.samples);
        const bool fires = sp_trigger_hears(&w.audit.trigger, logit, hops, 0.0);
        if (sp_audit_property(&err, &f, &w.audit, SP_PROPERTY_TRIGGER, NULL) != SP_OK) {
            fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
        }
        assert_int_equal(f.fire, fires);
        const double eps = w.clip.peak * pow(10.0, f.certified.db_peak / 20.0) * (1.0 - 1e-12);
        for (int k = 0; k < 100 && f.kind == SP_VERDICT_CERTIFIED; k++) {
            for (size_t s = 0; s < N; s++) {
                const double u = sp_rng_uniform(&rng, -1.0, 1.0);
                noisy[s] = w.clip.samples[s] + share[s] * eps * (k % 2 ? u : u < 0.0 ? -1.0 : 1.0);
                if (w.audit.deployed != SP_BUDGET_AS_REAL) {
                    const double step = w.clip.full_scale / 32768.0;
                    noisy[s] = fmax(-32768.0, fmin(32767.0, nearbyint(noisy[s] / step))) * step;
                }
            }
            hear(&w, logit, noisy);
            assert_int_equal(sp_trigger_hears(&w.audit.trigger, logit, hops, 0.0), fires);
        }
        assert_true(isnan(f.broken.db_peak) || !(f.certified.db_peak >= f.broken.db_peak));
        assert_int_equal(f.shared, w.audit.profile != NULL);
        assert_true(w.audit.deployed == SP_BUDGET_AS_REAL || isnan(f.broken.db_peak));
        certified += f.kind == SP_VERDICT_CERTIFIED;
        fired += fires;
        sp_finding_clear(&f);
        clear_stream(&w);
    }
    assert_true(certified > 3 && fired > 0);
}

static void properties_are_of_their_models(void **state) {
    (void)state;
    sp_error err = {0};
    sp_finding f;
    wake w;
    make_stream(&w, 1, false);
    assert_int_equal(sp_audit_property(&err, &f, &w.audit, SP_PROPERTY_FIRE, NULL), SP_E_ARGUMENT);
    assert_non_null(strstr(f.reason, "ask hops and trigger"));
    w.audit.burst = MOST_HOPS;
    assert_int_equal(sp_audit_property(&err, &f, &w.audit, SP_PROPERTY_HOPS, NULL), SP_E_ARGUMENT);
    clear_stream(&w);
    make(&w, 1, 0.3);
    assert_int_equal(sp_audit_property(&err, &f, &w.audit, SP_PROPERTY_HOPS, NULL), SP_E_ARGUMENT);
    assert_non_null(strstr(f.reason, "after every hop of a stream"));
    clear(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hops_of_every_place_hold),
        cmocka_unit_test(triggers_do_what_they_did),
        cmocka_unit_test(properties_are_of_their_models),
    };
    return cmocka_run_group_tests_name("certify/hops", tests, NULL, NULL);
}
