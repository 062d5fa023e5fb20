/* The skeleton of a command about clips. Private to this folder. */
#ifndef SP_CLI_JOB_H
#define SP_CLI_JOB_H

#include "cli/job/rows.h"
#include "cli/journal/record.h"

/** cli_steps - what a command adds to the skeleton. All but work and emit may be NULL. */
typedef struct cli_steps {
    size_t item;   /* bytes of what is kept of a clip */
    bool keep;     /* until the end of the run; else until it is emitted */
    bool budget;   /* --budget must be given */
    bool concrete; /* there are no bounds: the session prepares none */
    bool quiet;    /* the command itself speaks of vacuous verdicts */
    bool partial;  /* work that was interrupted leaves what it has found, and that is emitted */
    int (*prepare)(cli_job *job);                         /* -1, or the exit code after a message */
    bool (*begin)(cli_job *job, void *item, size_t clip); /* an item of zeros; false: no memory */
    void (*end)(cli_job *job, void *item);
    void (*head)(cli_job *job);           /* of the table; with --json only for cli_job_head */
    void (*work)(void *job, size_t unit); /* in the pool */
    /* takes what stands in the journal; true: nothing is left to do. In the pool. */
    bool (*recall)(cli_job *job, size_t unit);
    void (*emit)(void *job, size_t unit); /* in the order of the units, one at a time */
    int (*finish)(cli_job *job);          /* -1, or the exit code after a message */
    void (*summary)(cli_job *job);        /* behind the table; not called with --json */
    void (*clear)(cli_job *job);
} cli_steps;

/** cli_job - one run over the clips; the first member of what a command keeps of its own. */
struct cli_job {
    const cli_command *command;
    const cli_steps *steps;
    const cli_options *options; /* borrowed */
    cli_session session;
    sp_attacker attacker; /* opened by cli_attacker_open, or empty */
    void **item;          /* [clips] owned; those under way, or all with steps->keep; else NULL */
    size_t group;         /* clips of a unit of work: 1, unless prepare says otherwise */
    size_t units;
    char *done; /* [units] owned: cli_unit_state */
    cli_records records;
    size_t models;  /* of this process, which have jobs of their own; 0: one */
    cli_rows *rows; /* borrowed, or own: --csv and --latex; NULL: neither */
    cli_rows own_rows;
    size_t missing; /* clips that stand in no journal that is merged */
    double start;   /* sp_clock_wall value */
    size_t vacuous; /* certified verdicts that are (sp_verdict_is_vacuous) */
    bool open;
    bool failed; /* some clip could not be used */
};

/** cli_job_run - the whole of a command whose job has command, steps and options: opens, works in
 *  parallel, emits in order and clears; the exit code. Or in three steps: cli_job_open - model,
 *  clips, memory and prepare: -1, or the exit code after a message; cli_job_work; cli_job_clear,
 *  also after a failed open. */
int cli_job_run(cli_job *job);
int cli_job_open(cli_job *job);
int cli_job_work(cli_job *job);
void cli_job_clear(cli_job *job);

/** cli_job_item - what is kept of a clip. cli_job_done - whether it was emitted. */
void *cli_job_item(const cli_job *job, size_t clip);
bool cli_job_done(const cli_job *job, size_t clip);
/** cli_job_put - what is found out about a clip: prints `json` or `row`, and gives json and latex
 *  to the files that were asked for. All are made with malloc and are freed. */
void cli_job_put(cli_job *job, char *json, char *row, char *latex);
/** cli_job_head - the titles of the same two tables. */
void cli_job_head(cli_job *job, char *row, char *latex);

/** cli_job_replay - the same as cli_job_run, of a job that merges journals: it has options,
 *  session, records and rows. cli_job_replay_open - in place of cli_job_open.
 *  cli_certify_merge and the like - what a command prints of the results that journals hold, for
 *  such a job: the exit code. cli_compare_merge - for those of `count` models. */
int cli_job_replay_open(cli_job *job);
int cli_job_replay(cli_job *job);
int cli_certify_merge(cli_job *job);
int cli_radius_merge(cli_job *job);
int cli_attack_merge(cli_job *job);
int cli_audit_merge(cli_job *job);
int cli_report_merge(cli_job *job);
int cli_compare_merge(const cli_job *job, size_t count, const cli_options *options);

/** cli_report_pages - the value of its --pages, which merge sets too. */
char **cli_report_pages(const cli_options *options);

/** cli_job_complain - says what is wrong with a clip, unless that is what was said `last`. */
void cli_job_complain(cli_job *job, size_t clip, const char *text, const char **last);
/** cli_job_say_vacuous - one line about all vacuous verdicts; nothing when there are none. */
void cli_job_say_vacuous(size_t count);
/** cli_job_seconds - prints how long it took on how many threads. */
void cli_job_seconds(const cli_job *job);
/** cli_job_path - where a breaking clip goes: FOLDER/NAME_TEXT.wav in --out; NULL: no memory. */
char *cli_job_path(const cli_job *job, size_t clip, const char *text);
/** cli_verdict_fail - the verdict of a clip that could not be read. */
void cli_verdict_fail(sp_verdict *verdict, const sp_error *err, long label,
                      const sp_class_names *names);

#endif
