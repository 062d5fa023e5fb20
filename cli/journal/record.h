/* What commands about clips keep in journals, and take from them. Private to this folder. */
#ifndef SP_CLI_RECORD_H
#define SP_CLI_RECORD_H

#include "cli/impl.h"
#include "runs/runs.h"

typedef struct cli_job cli_job;

/** cli_merged - the journals of the shards of one run. */
typedef struct cli_merged {
    sp_journal **journal; /* borrowed */
    size_t *of_clip;      /* [clips] owned: which of them has the clip */
    long *label;          /* [clips] owned */
    const char *setup;    /* borrowed */
    size_t wrong;         /* results that do not fit together */
} cli_merged;

/** cli_records - of a job; all zero: it keeps none. */
typedef struct cli_records {
    bool on;
    char setup[SP_DIGEST_TEXT]; /* of all that results depend on but clip, label and part */
    char front[SP_DIGEST_TEXT];
    char *front_text;   /* owned; description of the front end, or NULL */
    cli_merged *merged; /* borrowed: nothing is computed; or NULL */
    bool failed;        /* the journal cannot be written */
    size_t known;       /* results that stood there */
} cli_records;

/** cli_record - one clip of a job with records. */
typedef struct cli_record {
    bool on;
    size_t clip;
    long label;                     /* -1: the model's own answer */
    bool longer;                    /* than the model's window */
    char recording[SP_DIGEST_TEXT]; /* of the file; "": it cannot be read */
} cli_record;

/** cli_records_open - with --journal: opens it, unless an earlier job of this process has, and
 *  appends what is going to be done: -1, or the exit code after a message. cli_records_close - the
 *  journal, at the end of the program. */
int cli_records_open(cli_job *job);
void cli_records_clear(cli_records *records);
void cli_records_close(void);
/** cli_records_sync - what was kept is on the disk; false, with a message the first time: it is
 *  not. */
bool cli_records_sync(cli_job *job);

/** cli_record_open - which clip it is; nothing is on where the job keeps no records.
 *  cli_record_find - a result that stands in the journal, to be destroyed with sp_json_destroy, and
 *  in *result what was kept of it; NULL: there is none. cli_record_keep - appends a result, an
 *  object made with malloc, which is freed; not one that an interruption cut short. `text`: which
 *  of the clip's results, see cli_record_part. */
void cli_record_open(cli_record *record, cli_job *job, size_t clip);
sp_json *cli_record_find(const sp_json **result, cli_job *job, cli_record *record,
                         const char *part);
void cli_record_keep(cli_job *job, const cli_record *record, const char *part, char *object);
enum { CLI_PART = 512 };
/** cli_record_part - "certify exact joint -60dB".   O part [CLI_PART] */
void cli_record_part(char *part, const char *what, const sp_method *method, sp_front_rule rule,
                     const char *budget);
/** cli_record_part_all - the same of a result for all budgets together: a list, or its checksum
 *  where that is too long.   I order [count] of the budgets; NULL: as they stand */
void cli_record_part_all(char *part, const char *what, const sp_method *method, sp_front_rule rule,
                         char *const *budget, const size_t *order, size_t count);
/** cli_record_is_now - whether the clip's file is the recording that a line of the journal is
 *  of. */
bool cli_record_is_now(const cli_job *job, const cli_record *record, const sp_json *line);
/** cli_record_settled - whether a verdict that stands in a journal is not tried again: errors are,
 *  as what caused them may be gone, but not where journals are merged. */
bool cli_record_settled(const cli_job *job, sp_verdict_kind kind);

/** cli_plan_open - opens the journal, with the plans that stand there. cli_plan_write - appends
 *  what the job is going to do; `first` of this process. cli_plan_close - forgets the plans
 *  (plan.c). */
SP_NODISCARD sp_status cli_plan_open(sp_error *err, sp_journal **journal, const char *path);
void cli_plan_close(void);
SP_NODISCARD sp_status cli_plan_write(sp_error *err, sp_journal *journal, const cli_job *job,
                                      bool first);

/** cli_shard_take - leaves the clips of --shard, and measures their costs: -1, or the exit code
 *  after a message (shard.c). cli_shard_digest - of how all clips were split.
 *  O text [SP_DIGEST_TEXT] */
int cli_shard_take(cli_job *job);

#endif
