/* What a journal says of the runs that wrote it. Private to this folder. */
#ifndef SP_CLI_PLAN_H
#define SP_CLI_PLAN_H

#include "runs/runs.h"

/** cli_plan_clip - a clip of a plan. */
typedef struct cli_plan_clip {
    size_t index; /* among all that were given to the command */
    char *path;   /* owned */
    long label;
} cli_plan_clip;

/** cli_plan - one model and the clips of a shard. Texts are owned. */
typedef struct cli_plan {
    char *check; /* of its line: what names it */
    char *setup, *version, *command, *model, *model_digest, *front, *front_text, *names, *options,
        *split;
    size_t shard, shards;       /* from 1; 1 of 1: all */
    size_t steps;               /* of the model's window; 0: it has none */
    bool sigmoid;               /* behind its logits */
    bool every;                 /* it answers at every frame */
    size_t given, own, answers; /* clips of the command, and of the shard */
    cli_plan_clip *clip;        /* [clips] owned; own of them when the line of each is there */
    size_t clips;
} cli_plan;

/** cli_plans - all plans of a journal, and those of its last run in their order. */
typedef struct cli_plans {
    cli_plan *plan; /* [count] owned */
    size_t count;
    size_t *last; /* [lasts] owned */
    size_t lasts;
    size_t models;  /* of the last run: more than lasts if it was ended before all had begun */
    size_t current; /* whose clips are being read */
    bool details;   /* clips and texts are kept; else only what names plans */
} cli_plans;
/** cli_plans_take - an sp_journal_other, whose context is a cli_plans. */
sp_status cli_plans_take(sp_error *err, void *plans, const char *line, size_t size);
void cli_plans_clear(cli_plans *plans);

#endif
