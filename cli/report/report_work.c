/* soundproof report: the work on one clip, and its journal. All that is known of a clip is one
 * result. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/report/report_job.h"

enum { STARTS = 3 }; /* of the attacks; they start from each other's noise */

static cli_report_item *item_of(const cli_job *j, size_t clip) {
    return cli_job_item(j, clip);
}

/* ---- one clip ---- */

/* Of a longer recording the clip becomes the window that is certified least, with its shares of the
 * noise. */
static sp_status take_window(sp_error *err, const cli_report_job *own, cli_report_item *it,
                             sp_clip *clip, long *label, sp_noise_profile *profile,
                             const sp_radius_options *wanted) {
    const cli_job *j = &own->base;
    cli_windows w = {0};
    SP_TRY(cli_windows_cut(err, &w, &j->session, clip, *label, (size_t)own->hop));
    size_t weakest = 0;
    sp_radius least = {0};
    sp_radius_options options = *wanted;
    options.no_attack = true;
    for (size_t i = 0; i < w.count; i++) {
        sp_radius radius;
        options.profile = w.profile ? &w.profile[i] : NULL;
        (void)sp_radius_find(NULL, &radius, &j->attacker, &w.part[i], w.label, &options);
        const sp_radius two[2] = {least, radius};
        const bool weaker = i == 0 || sp_radius_weakest(two, 2) == 1;
        weakest = weaker ? i : weakest;
        sp_radius_clear(weaker ? &least : &radius);
        least = weaker ? radius : least;
    }
    sp_radius_clear(&least);
    if (w.count > 0) {
        const sp_clip whole = *clip;
        *clip = w.part[weakest];
        w.part[weakest] = whole;
        *label = w.label;
        it->record.longer = true;
        it->frame = w.first[weakest];
    }
    if (w.profile) {
        *profile = w.profile[weakest];
        w.profile[weakest] = (sp_noise_profile){0};
    }
    cli_windows_clear(&w);
    return SP_OK;
}

static void say_window(const cli_job *j, size_t index) {
    const sp_front_layout *layout = sp_front_layout_of(j->session.files.front);
    cli_complain("%s: is longer than the model's window: the report shows the window that is "
                 "certified least, from %.2f s on",
                 j->session.clips.path[index],
                 (double)(item_of(j, index)->frame * layout->step) / layout->sample_rate);
}

/* ---- the journal ---- */

static void part_of(const cli_report_job *own, char part[CLI_PART]) {
    const cli_options *options = own->base.options;
    cli_record_part_all(part, "report", options->method, options->front_rule, own->budget_text,
                        NULL, own->budgets);
}

static void keep(cli_report_job *own, const cli_report_item *it) {
    char part[CLI_PART];
    if (!it->record.on) {
        return;
    }
    char *study = sp_record_study(&it->study);
    sp_json_line *line = sp_json_line_create();
    sp_json_line_number(line, "frame", (double)it->frame);
    sp_json_line_raw(line, "study", study);
    free(study);
    part_of(own, part);
    cli_record_keep(&own->base, &it->record, part, sp_json_line_finish(line));
}

/* The clip that a study which has come back is of: the recording, or the window of it. */
static sp_status hear_again(sp_error *err, const cli_job *j, cli_report_item *it, size_t index) {
    const sp_front *front = j->session.files.front;
    const char *file = j->session.clips.file[index];
    sp_clip clip = {0}, part = {0};
    SP_TRY(cli_clip_read(err, &clip, file, front, j->options));
    if (it->record.longer) {
        const size_t begin = it->frame * sp_front_layout_of(front)->step;
        const sp_status status = sp_clip_window(
            err, &part, &clip, begin, sp_front_samples(front, j->session.files.model.net.steps));
        sp_clip_clear(&clip);
        SP_TRY(status);
        clip = part;
    }
    sp_study_hear(&it->study, &clip, file);
    return SP_OK;
}

/* Breaking files that were kept must still be there. */
static bool has_file(const cli_job *j, const sp_attack *attack) {
    return j->records.merged || attack->verdict.kind != SP_VERDICT_BROKEN || !j->options->out ||
           (attack->file_path && access(attack->file_path, R_OK) == 0);
}

static void name_answers(sp_study *study, const sp_class_names *names) {
    study->radius.verdict.names = names;
    study->attack.verdict.names = names;
    for (size_t b = 0; b < study->budgets; b++) {
        study->verdict[b].names = names;
    }
}

static bool take(cli_job *j, cli_report_item *it, size_t index, const sp_json *line,
                 const sp_json *result) {
    const cli_report_job *own = (const cli_report_job *)j;
    const char *path = j->session.clips.path[index];
    sp_study *study = &it->study;
    sp_error err = {0};
    double frame = 0.0;
    if (sp_json_number(NULL, &frame, result, "frame") != SP_OK || !(frame >= 0.0 && frame < 1e9) ||
        !sp_record_take_study(study, sp_json_get(result, "study")) ||
        (study->verdict && study->budgets != own->budgets) ||
        !cli_record_settled(j, study->radius.verdict.kind) || !has_file(j, &study->attack)) {
        return false;
    }
    it->frame = (size_t)frame;
    name_answers(study, cli_session_names(&j->session));
    if (!j->options->out && !j->records.merged) {
        free(study->attack.file_path);
        study->attack.file_path = NULL;
    }
    if (study->radius.verdict.kind == SP_VERDICT_ERROR) { // without a clip
        return true;
    }
    if (j->records.merged && !cli_record_is_now(j, &it->record, line)) {
        cli_complain_about(path, "is not there, or no longer the recording that the journal speaks "
                                 "of: a report shows what was heard");
        return false;
    }
    if (hear_again(&err, j, it, index) != SP_OK) {
        if (j->records.merged) {
            cli_complain_about(path, err.text);
        }
        return false;
    }
    return true;
}

bool cli_report_recall(cli_job *j, size_t index) {
    cli_report_item *it = item_of(j, index);
    char part[CLI_PART];
    const sp_json *result = NULL;
    part_of((const cli_report_job *)j, part);
    cli_record_open(&it->record, j, index);
    sp_json *line = cli_record_find(&result, j, &it->record, part);
    const bool whole = line && take(j, it, index, line, result);
    sp_json_destroy(line);
    if (whole && it->record.longer) {
        say_window(j, index);
    }
    if (!whole) {
        sp_study_clear(&it->study);
        sp_study_init(&it->study);
        it->record.longer = false;
    }
    return whole;
}

/* ---- the work ---- */

/* What is asked of a window that has shares of its own.  O budget [budgets] */
static void ask_shares(sp_study_options *wanted, sp_budget *budget, const sp_noise_profile *own) {
    for (size_t b = 0; b < wanted->budgets; b++) {
        budget[b] = wanted->budget[b];
        budget[b].profile = own;
    }
    wanted->budget = budget;
    wanted->radius.profile = own;
}

void cli_report_work(void *context, size_t index) {
    cli_report_job *own = context;
    cli_job *j = &own->base;
    const cli_options *options = j->options;
    const cli_clips *clips = &j->session.clips;
    cli_report_item *it = item_of(j, index);
    sp_study_options wanted = {
        .budgets = own->budgets,
        .budget = own->budget,
        .radius = {.tolerance = options->tolerance,
                   .set = options->set,
                   .profile = options->profile,
                   .deployed = options->deployed,
                   .timeout = options->timeout,
                   .attack = cli_attack_options(options, clips->file[index])}};
    wanted.radius.attack.starts = options->starts ? (size_t)options->starts : STARTS;
    wanted.radius.attack.out = own->kept[index];
    sp_clip clip = {0};
    sp_noise_profile profile = {0};
    sp_error err = {0};
    long label = -1;
    sp_budget *budget = calloc(own->budgets + 1, sizeof *budget);
    sp_status status =
        budget ? cli_clips_read(&err, &clip, &label, clips, index, j->session.files.front)
               : sp_fail(&err, SP_E_MEMORY, "out of memory");
    if (status == SP_OK) {
        status = take_window(&err, own, it, &clip, &label, &profile, &wanted.radius);
    }
    if (status == SP_OK) {
        if (it->record.longer) {
            say_window(j, index);
        }
        if (profile.count > 0) {
            ask_shares(&wanted, budget, &profile);
        }
        sp_study_make(&it->study, &j->attacker, &clip, label, &wanted);
    } else {
        sp_clip_clear(&clip);
        sp_study_init(&it->study);
        cli_verdict_fail(&it->study.radius.verdict, &err, label, cli_session_names(&j->session));
    }
    sp_noise_profile_clear(&profile);
    free(budget);
    keep(own, it);
}
