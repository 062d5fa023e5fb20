/* Results of the commands about clips in journals. */
#define _XOPEN_SOURCE 700 // SA_RESTART
#include "cli/journal/record.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/digest.h"
#include "cli/job/job.h"

#define DESCRIPTION_LIMIT ((size_t)1 << 24) /* bytes */

/* The journal of this process: the jobs of several models share it. */
static sp_journal *kept;

/* ---- what results depend on ---- */

static void add_text(sp_digest *digest, const char *key, const char *text) {
    sp_digest_add(digest, key, strlen(key) + 1);
    sp_digest_add(digest, text ? text : "", strlen(text ? text : "") + 1);
}

/* The bytes of a file; nothing where it is none. */
static void add_file(sp_digest *digest, const char *path) {
    char block[1 << 14];
    struct stat about;
    size_t got = 0;
    FILE *file = stat(path, &about) == 0 && S_ISREG(about.st_mode) ? fopen(path, "rb") : NULL;
    while (file && (got = fread(block, 1, sizeof block, file)) > 0) {
        sp_digest_add(digest, block, got);
    }
    if (file) {
        fclose(file);
    }
}

/* Whether a line of options->given is part of the name of a result, or changes none. */
static bool is_in_name(const char *line) {
    static const char *const names[] = {
        "--budget=",  "--eps=",        "--method=", "--methods=",  "--front-relax=", "--precision=",
        "--attack\n", "--no-attack\n", "--out=",    "--property=", "--arithmetic=",  "--deployed="};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(line, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Options that say what is asked, in whatever order; of files what stands in them too. */
static bool add_options(sp_digest *digest, const cli_job *job) {
    const cli_options *options = job->options;
    char *text = strdup(options->given ? options->given : "");
    char **line = calloc(strlen(options->given ? options->given : "") + 1, sizeof *line);
    const bool taken = text && line;
    size_t count = 0;
    for (char *at = taken ? text : NULL; at && *at;) {
        char *end = strchr(at, '\n');
        if (!is_in_name(at)) {
            line[count++] = at;
        }
        *end = '\0';
        at = end + 1;
    }
    if (taken) {
        qsort(line, count, sizeof *line, by_text);
    }
    for (size_t i = 0; i < count; i++) {
        add_text(digest, "option", line[i]);
    }
    for (size_t i = 0; i < job->command->owned; i++) {
        if (!(job->command->apart >> i & 1u) && options->own[i]) {
            add_file(digest, options->own[i]); // a recording of noise
        }
    }
    if (options->profile_path) {
        add_file(digest, options->profile_path);
    }
    free(text);
    free(line);
    return taken;
}

static sp_status read_front(sp_error *err, cli_job *job) {
    cli_records *r = &job->records;
    const char *own = job->session.files.model.front;
    size_t size = 0;
    if (job->options->front) {
        SP_TRY(sp_file_read(err, &r->front_text, &size, job->options->front, DESCRIPTION_LIMIT));
    } else if (own) {
        r->front_text = strdup(own);
    }
    sp_digest *digest = sp_digest_create();
    add_text(digest, "front", r->front_text);
    return sp_digest_finish(digest, r->front);
}

static sp_status make_setup(sp_error *err, cli_job *job) {
    SP_TRY(read_front(err, job));
    sp_digest *digest = sp_digest_create();
    add_text(digest, "version", SP_VERSION);
    add_text(digest, "arithmetic", sp_arithmetic_text(job->options->arithmetic));
    add_text(digest, "command", job->command->name);
    add_text(digest, "model", job->session.files.model.digest);
    add_text(digest, "front", job->records.front);
    add_text(digest, "deployed", sp_budget_deployed_name(job->options->deployed));
    const bool taken = add_options(digest, job);
    const sp_status status = sp_digest_finish(digest, job->records.setup);
    return taken ? status : SP_E_MEMORY;
}

/* ---- the journal ---- */

static void say_found(const sp_journal *journal) {
    const sp_journal_about *about = sp_journal_tell(journal);
    if (about->torn) {
        cli_complain("%s: its last line was cut short, as when a run is killed: that result is "
                     "done again",
                     sp_journal_path(journal));
    }
    if (about->damaged > 0) {
        cli_complain("%s: %zu line%s not what was written: the results are done again",
                     sp_journal_path(journal), about->damaged,
                     about->damaged == 1 ? " is" : "s are");
    }
}

/* A full disk or a limit on the size of files is an error of write, not the end of the program. */
static void ignore_limit(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigemptyset(&action.sa_mask);
    sigaction(SIGXFSZ, &action, NULL);
}

int cli_records_open(cli_job *job) {
    const char *path = job->options->journal;
    sp_error err = {0};
    if (!path) {
        return -1;
    }
    const bool first = kept == NULL;
    sp_status status = make_setup(&err, job);
    if (status == SP_OK && first) {
        ignore_limit();
        status = cli_plan_open(&err, &kept, path);
        if (status == SP_OK) {
            say_found(kept);
        }
    }
    if (status == SP_OK) {
        status = cli_plan_write(&err, kept, job, first);
    }
    if (status != SP_OK) {
        cli_complain_about(path, err.text[0] ? err.text : "out of memory");
        return CLI_INPUT;
    }
    job->records.on = true;
    return -1;
}

void cli_records_clear(cli_records *records) {
    free(records->front_text);
    *records = (cli_records){0};
}

void cli_records_close(void) {
    sp_journal_close(kept);
    kept = NULL;
    cli_plan_close();
}

/* Nothing more is done: it would be lost. */
static void fail(cli_job *job, const sp_error *err) {
    if (!job->records.failed) {
        job->records.failed = true;
        cli_complain("%s", err->text);
        sp_clock_stop();
    }
}

bool cli_records_sync(cli_job *job) {
    sp_error err = {0};
    if (job->records.on && !job->records.merged && sp_journal_sync(&err, kept) != SP_OK) {
        fail(job, &err);
    }
    return !job->records.failed;
}

/* ---- results ---- */

static void digest_file(char *text, const char *path) {
    struct stat about;
    text[0] = '\0';
    if (strcmp(path, "-") != 0 && stat(path, &about) == 0 && S_ISREG(about.st_mode)) {
        sp_digest *digest = sp_digest_create();
        add_file(digest, path);
        if (sp_digest_finish(digest, text) != SP_OK) {
            text[0] = '\0';
        }
    }
}

/* A file of many sequences is read once. */
static void digest_sequences(char *text, const char *path) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char last[4096], digest[SP_DIGEST_TEXT];
    size_t number = 0;
    const size_t length = sp_clip_sequence_file(path, &number);
    char file[4096];
    text[0] = '\0';
    if (length < sizeof file) {
        memcpy(file, path, length);
        file[length] = '\0';
        pthread_mutex_lock(&lock);
        if (strcmp(last, file) != 0) {
            digest_file(digest, file);
            memcpy(last, file, length + 1);
        }
        memcpy(text, digest, sizeof digest);
        pthread_mutex_unlock(&lock);
    }
}

static void digest_recording(char *text, const char *path) {
    if (sp_clip_sequence_named(path)) {
        digest_sequences(text, path);
    } else {
        digest_file(text, path);
    }
}

void cli_record_open(cli_record *record, cli_job *job, size_t clip) {
    const cli_clips *clips = &job->session.clips;
    *record = (cli_record){.on = job->records.on, .clip = clip, .label = -1};
    if (job->records.merged) {
        record->label = job->records.merged->label[clip];
    } else if (record->on) {
        if (cli_clips_label(NULL, &record->label, clips, clip) != SP_OK) {
            record->label = -1;
        }
        digest_recording(record->recording, clips->file[clip]);
    }
}

static sp_journal *journal_of(const cli_job *job, size_t clip) {
    const cli_merged *merged = job->records.merged;
    return merged ? merged->journal[merged->of_clip[clip]] : kept;
}

sp_json *cli_record_find(const sp_json **result, cli_job *job, cli_record *record,
                         const char *part) {
    char id[SP_JOURNAL_ID + 1];
    const char *path = job->session.clips.path[record->clip], *recording = NULL;
    *result = NULL;
    if (!record->on ||
        sp_journal_name(id, job->records.setup, path, record->label, part) != SP_OK) {
        return NULL;
    }
    sp_json *line = sp_journal_find(journal_of(job, record->clip), id);
    const bool same = line && sp_json_text(NULL, &recording, line, "recording") == SP_OK &&
                      strcmp(recording, record->recording) == 0 && recording[0];
    *result = same || job->records.merged ? sp_json_get(line, "result") : NULL;
    if (!*result) {
        sp_json_destroy(line);
        return NULL;
    }
    record->longer = record->longer || sp_json_flag(sp_json_get(line, "longer"));
    return line;
}

void cli_record_keep(cli_job *job, const cli_record *record, const char *part, char *object) {
    const cli_clips *clips = &job->session.clips;
    char id[SP_JOURNAL_ID + 1];
    sp_error err = {0};
    if (!record->on || job->records.merged || job->records.failed || sp_clock_stopped()) {
        free(object);
        return;
    }
    sp_status status =
        sp_journal_name(id, job->records.setup, clips->path[record->clip], record->label, part);
    sp_json_line *line = sp_json_line_create();
    sp_json_line_text(line, "id", id);
    sp_json_line_text(line, "clip", clips->path[record->clip]);
    sp_json_line_number(line, "label", (double)record->label);
    sp_json_line_text(line, "part", part);
    sp_json_line_text(line, "recording", record->recording);
    if (record->longer) {
        sp_json_line_bool(line, "longer", true);
    }
    sp_json_line_raw(line, "result", object);
    char *text = sp_json_line_finish(line);
    if (status != SP_OK || !text) {
        status = sp_fail(&err, SP_E_MEMORY, "out of memory for a line of the journal");
    } else {
        status = sp_journal_append(&err, kept, text);
    }
    if (status != SP_OK) {
        fail(job, &err);
    }
    free(text);
    free(object);
}

void cli_record_part(char *part, const char *what, const sp_method *method, sp_front_rule rule,
                     const char *budget) {
    static const char *const rules[] = {
        [SP_FRONT_INTERVAL] = "interval", [SP_FRONT_R2] = "r2", [SP_FRONT_JOINT] = "joint"};
    snprintf(part, CLI_PART, "%s%s%s%s%s%s%.200s", what, method ? " " : "",
             method ? method->name : "", method ? " " : "", method ? rules[rule] : "",
             budget ? " " : "", budget ? budget : "");
}

void cli_record_part_all(char *part, const char *what, const sp_method *method, sp_front_rule rule,
                         char *const *budget, const size_t *order, size_t count) {
    char head[CLI_PART], all[SP_DIGEST_TEXT] = "";
    sp_digest *digest = sp_digest_create();
    cli_record_part(head, what, method, rule, NULL);
    size_t used = (size_t)snprintf(part, CLI_PART, "%s", head);
    for (size_t i = 0; i < count; i++) {
        const char *text = budget[order ? order[i] : i];
        sp_digest_add(digest, text, strlen(text) + 1);
        if (used < CLI_PART) {
            used += (size_t)snprintf(part + used, CLI_PART - used, "%s%s", i ? "," : " ", text);
        }
    }
    if (sp_digest_finish(digest, all) == SP_OK && used >= CLI_PART) {
        snprintf(part, CLI_PART, "%.400s %s", head, all);
    }
}

bool cli_record_is_now(const cli_job *job, const cli_record *record, const sp_json *line) {
    char digest[SP_DIGEST_TEXT];
    const char *recording = NULL;
    digest_recording(digest, job->session.clips.file[record->clip]);
    return digest[0] && sp_json_text(NULL, &recording, line, "recording") == SP_OK &&
           strcmp(recording, digest) == 0;
}

bool cli_record_settled(const cli_job *job, sp_verdict_kind kind) {
    return kind != SP_VERDICT_ERROR || job->records.merged != NULL;
}
