/* soundproof audit: what noise can and cannot make a wake-word model do. */
#include "cli/audit/audit_job.h"
#include "cli/job/front_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { BURST = 2 };

/* ---- the job ---- */

static const sp_net *net_of(const cli_audit_job *j) {
    return &j->base.session.files.model.net;
}

static cli_audit_item *item_of(const cli_job *j, size_t clip) {
    return cli_job_item(j, clip);
}

/* The largest logit with the other bank. */
static double run_other(const cli_audit_job *j, const sp_audit *audit) {
    sp_pipeline pipeline = *audit->attacker->pipeline;
    sp_attacker attacker = {.pipeline = &pipeline};
    sp_audit other = *audit;
    double logit = NAN;
    size_t frame = 0;
    bool fires = false;
    if (j->other) {
        pipeline.front = j->other;
        other.attacker = &attacker;
        if (sp_audit_run(NULL, &logit, &frame, &fires, &other) != SP_OK) {
            logit = NAN;
        }
    }
    return logit;
}

/* ---- one clip ---- */

static void drop(cli_audit_item *it) {
    for (size_t i = 0; i < it->count; i++) {
        sp_finding_clear(&it->finding[i]);
        free(it->out[i]);
    }
    free(it->finding);
    free(it->out);
    free(it->method);
    it->finding = NULL;
    it->out = NULL;
    it->method = NULL;
    it->count = 0;
}

static sp_audit audit_of(const cli_audit_job *j, const sp_clip *clip, const double *direction,
                         const char *source) {
    const cli_options *options = j->base.options;
    const sp_audit audit = {.attacker = &j->base.attacker,
                            .trigger = j->trigger,
                            .clip = clip,
                            .noise = direction,
                            .source = source,
                            .gain_lo = j->asked.gain_lo,
                            .gain_hi = j->asked.gain_hi,
                            .burst = options->burst     ? (size_t)options->burst
                                     : net_of(j)->every ? 1
                                                        : BURST,
                            .every = (size_t)j->asked.hop,
                            .tolerance = options->tolerance,
                            .set = options->set,
                            .profile = options->profile,
                            .deployed = options->deployed,
                            .attack = cli_attack_options(options, source),
                            .timeout = options->timeout};
    return audit;
}

static bool is_wanted(const cli_audit_job *j, const cli_audit_item *it, sp_property property) {
    if (!j->base.options->set->box && !sp_audit_of_set(property)) {
        return false;
    }
    if ((j->base.options->profile || j->base.options->deployed != SP_BUDGET_AS_REAL) &&
        !sp_audit_of_window(property)) {
        return false;
    }
    return j->asked.chosen ? j->asked.wanted[property]
                           : sp_audit_applies(property, it->fires, net_of(j)->every);
}

/* The attacker of a merged job finds nothing, but names its pipeline. */
static void take_method(cli_audit_job *j, cli_audit_item *it, const cli_audit_question *asked) {
    const cli_options *options = j->base.options;
    it->audit.attacker = &j->attacker[asked->method];
    it->audit.budget = options->budgets && cli_audit_has_budget(asked->property)
                           ? &options->budget[asked->budget]
                           : NULL;
}

static void ask(cli_audit_job *j, cli_audit_item *it, const cli_audit_question *asked) {
    if (cli_audit_recall(j, it, asked)) {
        return;
    }
    const size_t at = it->count++;
    take_method(j, it, asked);
    it->method[at] = asked->method;
    it->out[at] = cli_audit_place(j, asked);
    (void)sp_audit_property(NULL, &it->finding[at], &it->audit, asked->property, it->out[at]);
    if (sp_clock_stopped() && it->finding[at].kind == SP_VERDICT_TIMEOUT) { // cut short
        sp_finding_clear(&it->finding[at]);
        free(it->out[at]);
        it->out[at] = NULL;
        it->count = at;
    } else if (it->finding[at].kept) {
        char *place = sp_clip_form_place(it->out[at], it->audit.clip, it->finding[at].form);
        free(it->out[at]);
        it->out[at] = place;
    }
    if (it->count > at) {
        cli_audit_keep(j, it, at, asked);
        cli_audit_prove(j, it, &it->finding[at], asked);
    }
}

/* All that is asked of a clip, property by property; false: the last of them was the last one. */
static bool next_question(const cli_audit_job *j, const cli_audit_item *it,
                          cli_audit_question *asked, bool first) {
    const cli_options *options = j->base.options;
    const size_t budgets = options->budgets ? options->budgets : 1;
    const size_t methods = cli_audit_methods(options);
    const size_t clip = asked->clip;
    if (!first && cli_audit_has_method(asked->property) && asked->method + 1 < methods) {
        asked->method++;
        return true;
    }
    asked->method = 0;
    if (!first && cli_audit_has_budget(asked->property) && asked->budget + 1 < budgets) {
        asked->budget++;
        return true;
    }
    int p = first ? 0 : (int)asked->property + 1;
    while (p < SP_PROPERTIES && !is_wanted(j, it, (sp_property)p)) {
        p++;
    }
    *asked = (cli_audit_question){.clip = clip, .property = (sp_property)p};
    return p < SP_PROPERTIES;
}

static bool make_room(sp_error *err, const cli_audit_job *j, cli_audit_item *it) {
    const cli_options *options = j->base.options;
    const size_t budgets = options->budgets ? options->budgets : 1;
    const size_t most = SP_PROPERTIES * budgets * cli_audit_methods(options);
    it->finding = calloc(most, sizeof *it->finding);
    it->out = calloc(most, sizeof *it->out);
    it->method = calloc(most, sizeof *it->method);
    if (!it->finding || !it->out || !it->method) {
        (void)sp_fail(err, SP_E_MEMORY, "out of memory");
        return false;
    }
    return true;
}

/* All findings, or none. */
static bool recall(cli_job *base, size_t index) {
    cli_audit_job *j = (cli_audit_job *)base;
    cli_audit_item *it = item_of(base, index);
    cli_record_open(&it->record, base, index);
    bool whole = it->record.on && make_room(&it->err, j, it) && cli_audit_recall_heard(j, it);
    it->audit = audit_of(j, NULL, NULL, NULL);
    cli_audit_question asked = {.clip = index};
    for (bool more = whole && next_question(j, it, &asked, true); more && whole;
         more = next_question(j, it, &asked, false)) {
        whole = cli_audit_recall(j, it, &asked);
    }
    if (!whole) {
        drop(it);
    }
    return whole;
}

static sp_status audit_clip(sp_error *err, cli_audit_job *j, cli_audit_item *it, size_t index,
                            const sp_clip *clip, const double *direction) {
    cli_audit_question asked = {.clip = index};
    size_t frame = 0;
    it->audit = audit_of(j, clip, direction, j->base.session.clips.file[index]);
    SP_TRY(sp_audit_run(err, &it->logit, &frame, &it->fires, &it->audit));
    it->other_logit = run_other(j, &it->audit);
    if (!make_room(err, j, it)) {
        return SP_E_MEMORY;
    }
    cli_audit_keep_heard(j, it);
    for (bool more = next_question(j, it, &asked, true); more && !sp_clock_stopped();
         more = next_question(j, it, &asked, false)) {
        ask(j, it, &asked);
    }
    return SP_OK;
}

static void work(void *context, size_t index) {
    cli_audit_job *j = context;
    cli_audit_item *it = item_of(&j->base, index);
    sp_clip read = {0}, clip = {0};
    long label = -1;
    double *direction = NULL;
    sp_status status = cli_clips_read(&it->err, &read, &label, &j->base.session.clips, index,
                                      j->base.session.files.front);
    if (status == SP_OK) {
        status = sp_clip_embed(&it->err, &clip, &read, &j->asked.background);
    }
    if (status == SP_OK) {
        direction = cli_audit_direction(&it->err, j, clip.n);
        status = direction ? audit_clip(&it->err, j, it, index, &clip, direction) : it->err.code;
    }
    it->audit.clip = NULL;
    it->audit.noise = NULL;
    it->err.code = status;
    free(direction);
    sp_clip_clear(&clip);
    sp_clip_clear(&read);
}

/* ---- printing, in the order of the clips ---- */

/* The method's column, where there are several. */
static const char *column_of(const cli_audit_job *j, size_t method) {
    return cli_audit_methods(j->base.options) > 1 ? cli_audit_method(j->base.options, method)->name
                                                  : NULL;
}

/* What one method proves and noise of another one's search breaks: one of the two is wrong. */
static void find_contradictions(cli_audit_job *j, size_t index) {
    const cli_audit_item *it = item_of(&j->base, index);
    for (size_t a = 0; a < it->count; a++) {
        for (size_t b = 0; b < it->count; b++) {
            const sp_finding *proved = &it->finding[a], *broken = &it->finding[b];
            if (proved->property == broken->property && proved->fire == broken->fire &&
                proved->property != SP_PROPERTY_BURST &&
                proved->certified.db_peak > broken->broken.db_peak) {
                j->base.failed = true;
                cli_complain("%s: %s certifies %s up to %.2f dB, and noise of %.2f dB breaks it: "
                             "this is an error of soundproof, please report it",
                             j->base.session.clips.path[index],
                             cli_audit_method(j->base.options, it->method[a])->name,
                             sp_property_name(proved->property), proved->certified.db_peak,
                             broken->broken.db_peak);
            }
        }
    }
}

static void print_finding(cli_audit_job *j, size_t index, size_t at) {
    const cli_audit_item *it = item_of(&j->base, index);
    const cli_clips *clips = &j->base.session.clips;
    const sp_finding *f = &it->finding[at];
    sp_audit audit = it->audit;
    audit.attacker = &j->attacker[it->method[at]];
    const char *method = column_of(j, it->method[at]);
    cli_job_put(&j->base, sp_report_audit_json(clips->path[index], &audit, f, it->out[at]),
                sp_report_audit_row(clips->names.name[index], clips->names.width, method, f),
                sp_report_audit_row(clips->names.name[index], SP_TABLE_LATEX, method, f));
    if (j->base.options->json) {
        return;
    }
    const bool told = f->kind == SP_VERDICT_ERROR || !f->reason[0];
    if (!told && (j->base.options->verbose || f->kind == SP_VERDICT_MISCLASSIFIED)) {
        printf("    %s\n", f->reason);
    }
    if (j->base.options->verbose && f->places > 0) {
        printf("    certified dB by the first frame of the noise:");
        for (size_t i = 0; i < f->places; i++) {
            printf("%s %.1f", i % 12 == 0 ? "\n       " : "", f->place_db[i]);
        }
        putchar('\n');
    }
    if (f->kept) {
        printf("    %s: logit %.3f, by the file's own graph %.3f\n",
               it->out[at] ? it->out[at] : f->file_format, f->file_logit, f->original_logit);
    }
}

static void emit(void *context, size_t index) {
    cli_audit_job *own = context;
    cli_job *j = &own->base;
    cli_audit_item *it = item_of(j, index);
    const char *last = "";
    if (it->err.code != SP_OK) {
        cli_job_complain(j, index, it->err.text, &last);
    } else {
        cli_front_say_bank(j->session.clips.path[index], j->session.files.front, it->logit,
                           own->other, it->other_logit, j->session.pipeline.threshold);
    }
    for (size_t i = 0; i < it->count; i++) {
        const sp_finding *f = &it->finding[i];
        own->tally.total++;
        own->tally.kind[f->kind]++;
        own->tally.vacuous += f->kind == SP_VERDICT_CERTIFIED && f->certified.vacuous;
        print_finding(own, index, i);
        if (f->kind == SP_VERDICT_ERROR) {
            cli_job_complain(j, index, f->reason, &last);
        }
    }
    find_contradictions(own, index);
    cli_audit_prove_say(own, it, index);
    j->vacuous = own->tally.vacuous;
}

static void print_head(cli_job *j) {
    const cli_audit_job *own = (const cli_audit_job *)j;
    const sp_clip_background *b = &own->asked.background;
    const sp_class_names *names = cli_session_names(&j->session);
    const bool several = cli_audit_methods(j->options) > 1;
    if (j->options->json) {
        cli_job_head(j, NULL, sp_report_audit_head(SP_TABLE_LATEX, several));
        return;
    }
    char rule[160];
    cli_audit_trigger_text(rule, &own->asked, &own->trigger);
    if (b->before > 0.0 || b->after > 0.0 || b->noise > 0.0) {
        printf("Each recording is set in Gaussian noise of %g steps (rms), %g s before it and %g s "
               "behind.\n",
               b->noise, b->before, b->after);
    }
    printf("It fires%s%s%s from a logit of %.4g on (%s).\n\n", names ? " (" : "",
           names ? names->name[1] : "", names ? ")" : "", j->session.pipeline.threshold, rule);
    cli_job_head(j, sp_report_audit_head(j->session.clips.names.width, several),
                 sp_report_audit_head(SP_TABLE_LATEX, several));
}

static const char *level_of(const sp_noise_set *set) {
    return set->box         ? "the largest noise sample relative to the recording's peak"
           : set->of_energy ? "the noise's energy relative to the window's"
                            : "all noise samples together relative to the recording's peak";
}

static void print_summary(cli_job *j) {
    const cli_audit_job *own = (const cli_audit_job *)j;
    const size_t *kind = own->tally.kind;
    printf("\n%zu of %zu certified", kind[SP_VERDICT_CERTIFIED], own->tally.total);
    if (own->tally.vacuous > 0) {
        printf(" (%zu of them below half a step *)", own->tally.vacuous);
    }
    printf(", %zu only broken, %zu unknown", kind[SP_VERDICT_BROKEN], kind[SP_VERDICT_UNKNOWN]);
    if (kind[SP_VERDICT_MISCLASSIFIED] > 0) {
        printf(", %zu not so without noise already", kind[SP_VERDICT_MISCLASSIFIED]);
    }
    printf(".\nLevels are those of %s. "
           "Certified: proved for all\nnoise up to there. Broken: noise was found that does it; "
           "file: also as a file of the clip's format,\nheard again by the model's own graph. "
           "noise-line, streams: %s noise.\n",
           level_of(j->options->set), own->asked.noise ? own->asked.noise : "white");
    cli_norm_says(j->options);
    printf("Method%s ", cli_audit_methods(j->options) > 1 ? "s" : "");
    for (size_t m = 0; m < cli_audit_methods(j->options); m++) {
        printf("%s%s", m ? ", " : "", cli_audit_method(j->options, m)->name);
    }
    printf(", ");
    cli_job_seconds(j);
}

/* ---- the whole run ---- */

static void end(cli_job *j, void *of) {
    (void)j;
    drop(of);
}

static void clear(cli_job *j) {
    cli_audit_job *own = (cli_audit_job *)j;
    for (size_t m = 0; own->attacker && m < cli_audit_methods(j->options); m++) {
        sp_attacker_clear(&own->attacker[m]);
    }
    free(own->attacker);
    cli_pipelines_clear(&own->pipelines);
    cli_proof_close(&own->proof);
    sp_clip_clear(&own->noise);
    sp_front_destroy(own->other);
}

/* A pipeline and an attacker for each method; those of merged journals only name them. */
static int open_methods(cli_audit_job *j) {
    const cli_options *options = j->base.options;
    const size_t count = cli_audit_methods(options);
    const bool merged = j->base.records.merged != NULL;
    sp_error err = {0};
    j->attacker = calloc(count, sizeof *j->attacker);
    if (!j->attacker) {
        return cli_clips_out_of_memory(&j->base.session.clips);
    }
    int code = cli_pipelines_open(&j->pipelines, &j->base.session,
                                  options->method_count ? options->methods : &options->method,
                                  count, merged);
    for (size_t m = 0; code < 0 && m < count; m++) {
        j->attacker[m].pipeline = &j->pipelines.list[m];
        if (!merged && sp_attacker_init(&err, &j->attacker[m], &j->pipelines.list[m]) != SP_OK) {
            cli_complain("attacks need the joint front end: %s", err.text);
            code = CLI_INPUT;
        }
    }
    return code;
}

/* The model must be one that can be audited; the noise must be readable. */
static int prepare(cli_job *base) {
    cli_audit_job *j = (cli_audit_job *)base;
    sp_error err = {0};
    sp_stream stream = {0};
    sp_pipeline *pipeline = &j->base.session.pipeline;
    const int code = cli_audit_trigger(&j->trigger, &j->asked, &j->base.session.files.model.net,
                                       sp_front_layout_of(j->base.session.files.front));
    if (code >= 0) {
        return code;
    }
    pipeline->threshold = j->trigger.threshold;
    const int asks = net_of(j)->every ? cli_audit_options_of_stream(&j->asked, base->options) : -1;
    const int proves = asks < 0 ? cli_audit_prove_open(j) : asks;
    if (proves >= 0) {
        return proves;
    }
    if (base->records.merged) {
        j->base.attacker.pipeline = pipeline;
        return open_methods(j);
    }
    pipeline->original = &j->base.session.files.model;
    if (sp_stream_one(&err, &stream, pipeline, 0) != SP_OK) {
        cli_complain_about(j->base.options->model, err.text);
        return CLI_INPUT;
    }
    sp_stream_clear(&stream);
    if (j->asked.noise && cli_clip_read(&err, &j->noise, j->asked.noise,
                                        j->base.session.files.front, j->base.options) != SP_OK) {
        cli_complain_about(j->asked.noise, err.text);
        return CLI_INPUT;
    }
    if (j->noise.n && !(j->noise.peak > 0.0)) {
        cli_complain_about(j->asked.noise, "is digital silence, and no noise");
        return CLI_INPUT;
    }
    j->other = cli_front_other_bank(j->base.session.files.front, j->base.options->front);
    const int opened = cli_attacker_open(&j->base.attacker, &j->base.session);
    return opened < 0 ? open_methods(j) : opened;
}

static const cli_steps steps = {.item = sizeof(cli_audit_item),
                                .partial = true,
                                .prepare = prepare,
                                .head = print_head,
                                .recall = recall,
                                .work = work,
                                .emit = emit,
                                .end = end,
                                .summary = print_summary,
                                .clear = clear};

int cli_audit_merge(cli_job *base) {
    cli_audit_job j = {.base = *base};
    j.base.steps = &steps;
    const int code = cli_audit_options_read(&j.asked, base->options);
    return code < 0 ? cli_job_replay(&j.base) : code;
}

static int run(const cli_options *options) {
    cli_audit_job j = {.base = {.command = &cli_audit, .steps = &steps, .options = options}};
    const int code = cli_audit_options_read(&j.asked, options);
    return code < 0 ? cli_job_run(&j.base) : code;
}

const cli_command cli_audit = {
    .name = "audit",
    .arguments = "[OPTION...] CLIP.wav...",
    .summary = "find what noise can and cannot make a wake-word model do",
    .examples =
        "  soundproof audit --model hey_mycroft.onnx --front precise-sonopy.json word.wav\n"
        "  soundproof audit --model M.onnx --threshold 0.8 --trigger consecutive:3 word.wav\n"
        "  soundproof audit --model M.onnx --front F.json --property stream-fire,stream-silent \\\n"
        "      --noise kitchen.wav --sensitivity 0.5 word.wav talk.wav\n"
        "  soundproof audit --model M.onnx --front F.json --property burst --burst 4 --json "
        "word.wav\n"
        "  soundproof audit --model M.onnx --front F.json --property fire --budget -70dB "
        "word.wav\n"
        "  soundproof audit --model M.onnx --front F.json --methods ibp,exact,opt word.wav\n"
        "  soundproof audit --model M.onnx --property fire,silent --proof proofs word.wav\n",
    .accepts = CLI_MODEL | CLI_FRONT | CLI_BUDGET | CLI_NORM | CLI_METHOD | CLI_METHODS |
               CLI_AUDIO | CLI_TOL | CLI_BURST | CLI_OUT | CLI_EFFORT | CLI_TIMEOUT | CLI_THREADS |
               CLI_JSON | CLI_VERBOSE,
    .says_bank = true,
    .hears_hops = true,
    .own = cli_audit_own,
    .owned = CLI_AUDIT_OWNED,
    .corpus = true,
    .programs = true,
    .deployed = true,
    .run = run,
};
