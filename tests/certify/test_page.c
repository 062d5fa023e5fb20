/* Studies and the HTML report: what it says was certified and heard, and it needs nothing else. */
#include "tests/certify/attacked.h"

#include <sys/stat.h>
#include <unistd.h>

#include "certify/report/page.h"
#include "tests/support/process.h"

static char *const budget_text[] = {"-120dB", "-60dB", "-20dB", "-1dB"};
enum { BUDGETS = sizeof budget_text / sizeof budget_text[0], CLIPS = 4 };

static sp_study_options options_of(const attacked *a, sp_budget budget[BUDGETS]) {
    for (int b = 0; b < BUDGETS; b++) {
        assert_int_equal(sp_budget_parse(NULL, &budget[b], budget_text[b]), SP_OK);
    }
    return (sp_study_options){
        .budgets = BUDGETS,
        .budget = budget,
        .radius = {.tolerance = 2.0,
                   .attack = {.steps = 15, .starts = 2, .seed = 1, .source = a->path}}};
}

static void copy_clip(sp_clip *copy, const sp_clip *clip) {
    assert_int_equal(
        sp_clip_init(NULL, copy, clip->samples, clip->n, clip->rate, clip->full_scale, clip->lsb),
        SP_OK);
    copy->bits = clip->bits;
}

static void study_of(sp_study *study, const attacked *a, long label) {
    sp_budget budget[BUDGETS];
    const sp_study_options options = options_of(a, budget);
    sp_clip copy;
    copy_clip(&copy, &a->clip);
    sp_study_make(study, &a->attacker, &copy, label, &options);
    assert_null(copy.samples); // taken over
}

/* ---- studies ---- */

/* The verdicts are those of sp_certify, and broken just where the breaking file lies in the set. */
static size_t check_verdicts(const attacked *a, const sp_study *study) {
    const bool broken = study->attack.verdict.kind == SP_VERDICT_BROKEN;
    size_t spread = 0;
    for (int b = 0; b < BUDGETS; b++) {
        const sp_verdict *verdict = &study->verdict[b];
        sp_budget budget;
        sp_verdict own;
        assert_int_equal(sp_budget_parse(NULL, &budget, budget_text[b]), SP_OK);
        assert_int_equal(
            sp_certify(NULL, &own, &a->pipeline, &a->clip, &budget, (long)a->label, 0.0), SP_OK);
        assert_true(own.margin == verdict->margin && own.eps == verdict->eps);
        if (own.kind == SP_VERDICT_UNKNOWN && broken && study->attack.file_largest <= own.eps) {
            assert_int_equal(verdict->kind, SP_VERDICT_BROKEN);
            spread++;
        } else {
            assert_int_equal(verdict->kind, own.kind);
        }
        assert_false(broken && own.kind == SP_VERDICT_CERTIFIED &&
                     study->attack.file_largest <= own.eps);
        sp_verdict_clear(&own);
    }
    return spread;
}

/* The bytes that the report holds are a clip within the budget that is answered otherwise. */
static void check_noisy_file(const attacked *a, const sp_study *study) {
    char path[PATH];
    sp_clip heard;
    double logits[C];
    bool tie = false;
    const sp_clip_options wanted = {.rate = SMALL_RATE, .full_scale = 32768.0};
    assert_non_null(study->attack.file);
    sp_file_write("certify_page_noisy.wav", path, PATH, study->attack.file,
                  study->attack.file_size);
    assert_int_equal(sp_clip_read(NULL, &heard, path, &wanted), SP_OK);
    assert_int_equal(heard.n, a->clip.n);
    const double eps = a->clip.peak * pow(10.0, study->radius.broken_file_db / 20.0);
    for (size_t i = 0; i < heard.n; i++) {
        assert_true(fabs(heard.samples[i] - a->clip.samples[i]) <= eps * (1.0 + 1e-12));
        assert_true(fabs(heard.samples[i] - a->clip.samples[i]) <= study->attack.file_largest);
    }
    attacked_run(a, logits, heard.samples);
    assert_int_equal(sp_prediction(logits, C, &tie), study->attack.file_answer);
    assert_int_not_equal(study->attack.file_answer, a->label);
    sp_clip_clear(&heard);
}

static double lead(const attacked *a, const double *samples, size_t nearest) {
    double logits[C];
    attacked_run(a, logits, samples);
    return logits[a->label] - logits[nearest];
}

/* Slopes by central differences, summed over the step of every frame. */
static void check_shares(const attacked *a, const sp_study *study) {
    const sp_front_layout *layout = sp_front_layout_of(a->front);
    const size_t n = a->clip.n, frames = study->radius.verdict.frames;
    double *x = malloc(n * sizeof *x), *sum = calloc(frames, sizeof *sum), whole = 0.0;
    assert_true(x && sum && study->share);
    memcpy(x, a->clip.samples, n * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        const double h = 0.01, t = (double)(i / layout->step);
        x[i] = a->clip.samples[i] + h;
        const double up = lead(a, x, study->nearest);
        x[i] = a->clip.samples[i] - h;
        const double slope = fabs(up - lead(a, x, study->nearest)) / (2.0 * h);
        x[i] = a->clip.samples[i];
        sum[(size_t)fmin(t, (double)(frames - 1))] += slope;
        whole += slope;
    }
    for (size_t t = 0; t < frames; t++) {
        assert_true(fabs(study->share[t] - sum[t] / whole) < 1e-4);
    }
    free(x);
    free(sum);
}

/* To whole steps: then nothing is padded, and the last step of a frame is not the clip's end. */
static void shorten(attacked *a) {
    sp_clip whole = a->clip;
    bool tie = false;
    whole.n -= whole.n % sp_front_layout_of(a->front)->step;
    copy_clip(&a->clip, &whole);
    sp_clip_clear(&whole);
    attacked_run(a, a->logits, a->clip.samples);
    a->label = sp_prediction(a->logits, C, &tie);
}

static void studies_say_what_holds(void **state) {
    (void)state;
    size_t files = 0, spread = 0;
    for (uint64_t seed = 1; seed <= (sp_test_sanitized() ? 1 : 3); seed++) {
        attacked a;
        sp_study study;
        attacked_init(&a, sp_test_seed() + seed, 3000.0, "exact");
        if (seed == 1) {
            shorten(&a);
        }
        study_of(&study, &a, (long)a.label);
        assert_int_equal(study.radius.verdict.kind, SP_VERDICT_CERTIFIED);
        assert_int_equal(study.sound_size, 44 + 2 * SMALL_SAMPLES);
        spread += check_verdicts(&a, &study);
        check_shares(&a, &study);
        if (study.attack.verdict.kind == SP_VERDICT_BROKEN) {
            check_noisy_file(&a, &study);
            files++;
        }
        assert_int_equal(study.attack.verdict.kind == SP_VERDICT_BROKEN,
                         isfinite(study.radius.broken_file_db));
        sp_study_clear(&study);
        attacked_clear(&a);
    }
    assert_true(files > 0 && spread > 0);
}

static void hot_frames_are_the_largest(void **state) {
    (void)state;
    double share[] = {0.1, 0.3, 0.05, 0.3, 0.25};
    sp_study study = {.share = share, .radius.verdict.frames = 5};
    size_t frame[8];
    assert_int_equal(sp_page_hot(&study, frame, 3), 3);
    assert_int_equal(frame[0], 1); // the first of equals
    assert_int_equal(frame[1], 3);
    assert_int_equal(frame[2], 4);
    assert_int_equal(sp_page_hot(&study, frame, 8), 5);
    assert_int_equal(frame[4], 2);
    study.share = NULL;
    assert_int_equal(sp_page_hot(&study, frame, 3), 0);
}

/* ---- numbers and texts ---- */

typedef struct stream {
    char *text;
    size_t size;
    FILE *out;
} stream;

static FILE *begin(stream *s) {
    s->out = open_memstream(&s->text, &s->size);
    assert_non_null(s->out);
    return s->out;
}

static void expect(stream *s, const char *text) {
    fclose(s->out);
    assert_string_equal(s->text, text);
    free(s->text);
}

static void numbers(void **state) {
    (void)state;
    stream s;
    static const struct {
        double value;
        const char *nearest, *proved;
    } margins[] = {{4.387, "4.39", "4.38"},
                   {-4.381,
                    "\xE2\x88\x92"
                    "4.38",
                    "\xE2\x88\x92"
                    "4.39"},
                   {14.28, "14.3", "14.2"},
                   {123.7, "124", "123"},
                   {0.0, "0", "0"},
                   {0.00371, "0.00371", "0.00371"},
                   {0.0123, "0.01", "0.01"},
                   {1e-9, "0.000000", "0.000000"},
                   {-1e-9, "0.000000",
                    "\xE2\x88\x92"
                    "0.000001"},
                   {NAN, "\xE2\x80\x93", "\xE2\x80\x93"},
                   {-INFINITY, "\xE2\x80\x93", "\xE2\x80\x93"}};
    for (size_t i = 0; i < sizeof margins / sizeof margins[0]; i++) {
        sp_page_margin(begin(&s), margins[i].value, false);
        expect(&s, margins[i].nearest);
        sp_page_margin(begin(&s), margins[i].value, true);
        expect(&s, margins[i].proved);
    }
    static const struct {
        double value;
        const char *down, *up;
    } amounts[] = {{1.06, "1.0", "1.1"}, {24.85, "24", "25"},        {0.0449, "0.044", "0.045"},
                   {19.0, "19", "19"},   {19.0 + 1e-12, "19", "19"}, {320.5, "320", "321"}};
    for (size_t i = 0; i < sizeof amounts / sizeof amounts[0]; i++) {
        sp_page_amount(begin(&s), amounts[i].value, false);
        expect(&s, amounts[i].down);
        sp_page_amount(begin(&s), amounts[i].value, true);
        expect(&s, amounts[i].up);
    }
    sp_page_db(begin(&s), -58.5);
    expect(&s, "\xE2\x88\x92"
               "58.5\xC2\xA0"
               "dB");
    sp_page_db(begin(&s), -60.0 + 1e-10);
    expect(&s, "\xE2\x88\x92"
               "60\xC2\xA0"
               "dB");
    sp_page_db(begin(&s), -1e-12);
    expect(&s, "0\xC2\xA0"
               "dB");
    sp_page_budget(begin(&s), "-70dB");
    expect(&s, "\xE2\x88\x92"
               "70\xC2\xA0"
               "dB");
    sp_page_budget(begin(&s), "3lsb");
    expect(&s, "3\xC2\xA0"
               "lsb");
}

static void texts_are_escaped(void **state) {
    (void)state;
    stream s;
    sp_page_text(begin(&s), "<script>a&b\"c'</script>");
    expect(&s, "&lt;script&gt;a&amp;b&quot;c&#39;&lt;/script&gt;");
    sp_page_text(begin(&s), "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x94\x8A");
    expect(&s, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x94\x8A");
    sp_page_text(begin(&s), "a\x01\n\x7F\xFF\xC0\xAF\xEF\xBF\xBE");
    expect(&s, "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
               "\xEF\xBF\xBD");
}

/* ---- the page ---- */

static char *const name[CLIPS] = {"<script>alert(1)</script>.wav", "a&b\"c' d.wav", "\xFF\x01.wav",
                                  "gone.wav"};

typedef struct album {
    attacked a;
    sp_study study[CLIPS];
    sp_page page;
    const char *file[CLIPS];
    char *kept[CLIPS];
} album;

/* A right answer, the model's own, a wrong one, and a clip that could not be read. */
static void album_init(album *all) {
    attacked_init(&all->a, sp_test_seed() + 1, 3000.0, "exact");
    study_of(&all->study[0], &all->a, (long)all->a.label);
    study_of(&all->study[1], &all->a, -1);
    study_of(&all->study[2], &all->a, (long)((all->a.label + 1) % C));
    sp_study_init(&all->study[3]);
    snprintf(all->study[3].radius.verdict.reason, sizeof all->study[3].radius.verdict.reason,
             "<gone> & \"away\"");
    for (int i = 0; i < CLIPS; i++) {
        all->file[i] = i == 1 ? "x.raw" : "x.wav";
        all->kept[i] = i == 0 ? (char *)"out/<b>.wav" : NULL;
    }
    all->page = (sp_page){.model = "m<&>.onnx",
                          .pipeline = &all->a.pipeline,
                          .count = CLIPS,
                          .budgets = BUDGETS,
                          .study = all->study,
                          .name = name,
                          .file = all->file,
                          .kept = all->kept,
                          .budget = budget_text};
}

static void album_clear(album *all) {
    for (int i = 0; i < CLIPS; i++) {
        sp_study_clear(&all->study[i]);
    }
    attacked_clear(&all->a);
}

static void write_page(stream *s, const album *all) {
    assert_int_equal(sp_page_write(NULL, begin(s), &all->page), SP_OK);
    fclose(s->out);
}

enum { DEPTH = 64, TAG = 32 };

/* A tag from behind its '<'; returns behind its '>'. Attributes are name="value" without '<'. */
static const char *read_tag(const char *at, char stack[DEPTH][TAG], size_t *depth) {
    const bool closing = *at == '/';
    at += closing;
    const size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz123456789");
    assert_in_range(length, 1, TAG - 1);
    char tag[TAG];
    snprintf(tag, TAG, "%.*s", (int)length, at);
    at += length;
    while (*at == ' ') {
        const size_t attribute = strcspn(at + 1, "=<>\"' ");
        at += 1 + attribute;
        assert_true(attribute > 0 && !closing && at[0] == '=' && at[1] == '"');
        const size_t value = strcspn(at + 2, "\"<");
        at += 2 + value;
        assert_int_equal(*at, '"');
        at++;
    }
    const bool empty = *at == '/';
    at += empty;
    assert_int_equal(*at, '>');
    if (closing) {
        assert_true(*depth > 0 && !empty);
        assert_string_equal(stack[--*depth], tag);
    } else if (!empty) {
        assert_true(*depth < DEPTH);
        memcpy(stack[(*depth)++], tag, TAG);
    }
    return at + 1;
}

static void expect_entity(const char *at) {
    static const char *const known[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(at, known[i], strlen(known[i])) == 0) {
            return;
        }
    }
    fail_msg("a bare ampersand: %.20s", at);
}

static void expect_well_formed(const char *text) {
    static const char type[] = "<!DOCTYPE html>\n";
    char stack[DEPTH][TAG];
    size_t depth = 0, elements = 0;
    assert_memory_equal(text, type, sizeof type - 1);
    for (const char *at = text + sizeof type - 1; *at;) {
        if (*at == '<') {
            at = read_tag(at + 1, stack, &depth);
            elements++;
            continue;
        }
        if (*at == '&') {
            expect_entity(at);
        }
        assert_true(depth > 0 || *at == '\n');
        at++;
    }
    assert_int_equal(depth, 0);
    assert_true(elements > 200);
}

static void the_page_is_well_formed(void **state) {
    (void)state;
    album all;
    stream page;
    char path[PATH];
    album_init(&all);
    write_page(&page, &all);
    const char *text = page.text;
    assert_int_equal(strlen(text), page.size);
    expect_well_formed(text);
    assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt;.wav"));
    assert_non_null(strstr(text, "a&amp;b&quot;c&#39; d.wav"));
    assert_non_null(strstr(text, "\xEF\xBF\xBD\xEF\xBF\xBD.wav"));
    assert_non_null(strstr(text, "&lt;gone&gt; &amp; &quot;away&quot;"));
    assert_non_null(strstr(text, "m&lt;&amp;&gt;.onnx"));
    assert_non_null(strstr(text, "out/&lt;b&gt;.wav"));
    // an independent reader, where there is one
    if (access("/usr/bin/xmllint", X_OK) == 0) {
        sp_file_write("certify_page.html", path, PATH, text, page.size);
        sp_process process =
            sp_process_run("certify_page", (const char *const[]){"/usr/bin/xmllint", "--noout",
                                                                 "--nonet", path, NULL});
        if (process.code != 0) {
            fail_msg("%s", process.err);
        }
        sp_process_clear(&process);
    }
    free(page.text);
    album_clear(&all);
}

/* Every place where a page could name something else names itself or holds its bytes. */
static void expect_prefix(const char *text, const char *key, const char *prefix) {
    for (const char *at = strstr(text, key); at; at = strstr(at + 1, key)) {
        if (strncmp(at + strlen(key), prefix, strlen(prefix)) != 0) {
            fail_msg("%.60s", at);
        }
    }
}

static void nothing_comes_from_elsewhere(void **state) {
    (void)state;
    static const char *const never[] = {"<script", "http:",   "https:",  "@import",
                                        "<link",   "<iframe", "<object", "javascript:"};
    album all;
    stream page, again;
    album_init(&all);
    write_page(&page, &all);
    write_page(&again, &all);
    const char *text = page.text;
    assert_int_equal(page.size, again.size);
    assert_memory_equal(text, again.text, page.size);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        assert_null(strstr(text, never[i]));
    }
    expect_prefix(text, " src=\"", "data:audio/wav;base64,");
    expect_prefix(text, " href=\"", "#clip-");
    expect_prefix(text, "url(", "#");
    assert_non_null(strstr(text, "prefers-color-scheme:dark"));
    free(page.text);
    free(again.text);
    album_clear(&all);
}

/* The sound inside the page is the file, byte by byte. */
static void sounds_are_the_files(void **state) {
    (void)state;
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"}; // RFC 4648
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        stream s;
        char wanted[64];
        sp_page_sound(begin(&s), "a<b", "x.WAV", plain[i], strlen(plain[i]));
        fclose(s.out);
        snprintf(wanted, sizeof wanted, "data:audio/wav;base64,%s\"", coded[i]);
        assert_non_null(strstr(s.text, wanted));
        assert_non_null(strstr(s.text, "a&lt;b"));
        free(s.text);
    }
    stream s;
    sp_page_sound(begin(&s), "a", "x.raw", "abc", 3);
    fclose(s.out);
    assert_null(strstr(s.text, "<audio"));
    free(s.text);
    sp_page_sound(begin(&s), "a", "x.wav", NULL, 0);
    fclose(s.out);
    assert_null(strstr(s.text, "<audio"));
    free(s.text);
}

static void full_disks_are_noticed(void **state) {
    (void)state;
    album all;
    sp_error err = {0};
    if (access("/dev/full", W_OK) != 0) {
        print_message("there is no /dev/full here\n");
        skip();
    }
    album_init(&all);
    FILE *out = fopen("/dev/full", "w");
    assert_non_null(out);
    assert_int_equal(sp_page_write(&err, out, &all.page), SP_E_IO);
    fclose(out);
    album_clear(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(studies_say_what_holds),
        cmocka_unit_test(hot_frames_are_the_largest),
        cmocka_unit_test(numbers),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(the_page_is_well_formed),
        cmocka_unit_test(nothing_comes_from_elsewhere),
        cmocka_unit_test(sounds_are_the_files),
        cmocka_unit_test(full_disks_are_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
