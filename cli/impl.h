/* What the subcommands share. Private to this folder. */
#ifndef SP_CLI_IMPL_H
#define SP_CLI_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "certify/report/report.h"
#include "onnx/onnx.h"

/* Exit codes: every clip got a verdict; bad usage; some input could not be used. See also
 * cli_interrupt_code. */
enum { CLI_OK = 0, CLI_USAGE = 1, CLI_INPUT = 2 };

/* ---- options ---- */

/* Which options a command takes. */
enum {
    CLI_MODEL = 1 << 0,
    CLI_FRONT = 1 << 1,
    CLI_BUDGET = 1 << 2,
    CLI_METHOD = 1 << 3,
    CLI_FRONT_RELAX = 1 << 4,
    CLI_LABEL = 1 << 5,
    CLI_MANIFEST = 1 << 6,
    CLI_CHANNEL = 1 << 7,
    CLI_RESAMPLE = 1 << 8,
    CLI_TIMEOUT = 1 << 9,
    CLI_JSON = 1 << 10,
    CLI_VERBOSE = 1 << 11,
    CLI_NORM = 1 << 12,
    CLI_QUICK = 1 << 13,
    CLI_THREADS = 1 << 14,
    CLI_OUT = 1 << 15,
    CLI_TOL = 1 << 16,
    CLI_FRAME = 1 << 17,
    CLI_BURST = 1 << 18,
    CLI_METHODS = 1 << 19,
    CLI_PLOT = 1 << 20,
    CLI_SEED = 1 << 21,
    CLI_STEPS = 1 << 22,
    CLI_STARTS = 1 << 23,
    CLI_ATTACK = 1 << 24,
    CLI_NO_ATTACK = 1 << 25,
    CLI_BACKEND = 1 << 26,
    CLI_MEMORY = 1 << 27,
    CLI_PRECISION = 1 << 28,
    CLI_DOWNMIX = 1 << 29,
    CLI_AUDIO = CLI_CHANNEL | CLI_DOWNMIX | CLI_RESAMPLE,
    CLI_EFFORT = CLI_SEED | CLI_STEPS | CLI_STARTS,
    CLI_DEVICE = CLI_BACKEND | CLI_MEMORY
};
/* Options that come with others: --split with CLI_MANIFEST, --names with CLI_CHANNEL, --output,
 * --steps-axis, --input and --rate with CLI_MODEL, --symbols with the methods; with sequences --eps
 * beside CLI_BUDGET, --clip-to beside CLI_NORM, --profile with CLI_NORM. */
enum {
    CLI_SPLIT = 3,
    CLI_NAMES = 5,
    CLI_OUTPUT = 6,
    CLI_STEPS_AXIS = 7,
    CLI_EPS = 9,
    CLI_CLIP_TO = 10,
    CLI_INPUTS = 11,
    CLI_RATE = 17,
    CLI_SYMBOLS = 18,
    CLI_HTML = 19, /* of commands that make a page of a corpus */
    CLI_PROFILE = 20,
    CLI_SUITE = 21,      /* of attack */
    CLI_ARITHMETIC = 22, /* of commands that give verdicts */
    CLI_DEPLOYED = 23,   /* of commands whose verdicts may speak of rounded noise */
    CLI_DECISION = 24,   /* --property, with CLI_LABEL, as --threshold */
    CLI_THRESHOLD = 25
};
/* Options of commands whose results journals keep (cli_command.corpus). */
enum { CLI_JOURNAL = 12, CLI_SHARD = 13, CLI_CSV = 14, CLI_LATEX = 15 };
/* --frame that is not given, and --frame all. */
enum { CLI_NO_FRAME = -2, CLI_ALL_FRAMES = -1 };

/** cli_variant - a method with another front end, "zono@r2", or a bounded number of symbols,
 *  "zono/512" (variants.c). */
typedef struct cli_variant cli_variant;

/** cli_options - the command line, checked; strings are owned unless said. */
typedef struct cli_options {
    const struct cli_command *command; /* borrowed: whose options these are */
    char *model, *front, *manifest, *names, *out, *plot, *output, *threshold;
    sp_decision asks;      /* --property */
    sp_split split;        /* of the manifest; SP_SPLIT_NONE: all */
    long rate;             /* of a model that hears samples; 0: not given */
    long steps_axis;       /* of the model's input; -1: not given */
    sp_model_input *input; /* [inputs] of --input; names are owned, values stand behind them */
    size_t inputs;
    const sp_method *method;
    sp_front_rule front_rule; /* the method's, or --front-relax */
    bool front_rule_given;
    char **budget_text; /* [budgets] of --budget and --eps */
    sp_budget *budget;  /* [budgets] */
    size_t budgets;
    bool within; /* --clip-to: [least, most] */
    double least, most;
    const sp_noise_set *set; /* --norm; a set of radii, that of every budget */
    char *profile_path;
    sp_noise_profile
        *profile; /* owned; --profile, of every budget, empty until the session opens; or NULL
                          */
    long label;   /* -1: not given */
    int channel, threads; /* threads 0: one per processor */
    double timeout;       /* seconds; 0: none */
    bool downmix, resample, json, verbose, quick, attack, no_attack, suite;
    double tolerance;          /* dB */
    long frame;                /* CLI_NO_FRAME, CLI_ALL_FRAMES or a frame */
    long burst;                /* frames; 0: not given */
    const sp_method **methods; /* [method_count] of --methods; only the array is owned */
    size_t method_count;
    cli_variant *variant;        /* owned: those that methods point to; option_values.c */
    long symbols;                /* of affine forms; 0: not given */
    long seed, steps, starts;    /* of attacks; steps and starts 0: not given */
    char *backend;               /* NULL: cpu */
    size_t memory;               /* of the device, in bytes; 0: what is free */
    bool precision_given;        /* --precision */
    bool single;                 /* --precision float32: method is the one in that precision */
    sp_arithmetic arithmetic;    /* --arithmetic: of the program that verdicts speak of */
    sp_budget_deployed deployed; /* --deployed, of every budget */
    char **own;                  /* [of the command] values of its own options; NULL: not given */
    size_t owned;
    char **argument; /* [arguments] what is not an option */
    size_t arguments;
    char *journal, *csv, *latex, *html;
    size_t shard, shards; /* from 1; 0: all */
    char *given;          /* the options that say what is asked of a clip, a line each */
} cli_options;

/** cli_own - an option that only one command has; it takes an argument. */
typedef struct cli_own {
    const char *name, *help, *argument;
} cli_own;

/** cli_command - one subcommand. */
typedef struct cli_command {
    const char *name, *arguments, *summary;
    const char *examples; /* shown by --help; lines end in a newline */
    unsigned accepts;
    bool sequences;    /* clips may be sequences of numbers */
    bool each_place;   /* --frame all and --burst ask it about every place of a clip */
    bool says_bank;    /* it says itself where another bank would change an answer */
    bool hears_hops;   /* of streaming models: it takes the answers after every hop */
    bool says_float32; /* with -v: how far float32 arithmetic is off, where that is known */
    bool front_alone;  /* hears no model: --front alone will do */
    bool reads_models; /* its arguments are models: --output, --steps-axis and --input go with it */
    const cli_own *own; /* [owned] */
    size_t owned;
    uint64_t apart; /* bit i: option i of its own does not change what is found out about a clip */
    bool corpus;    /* takes --journal and --shard, --csv and --latex */
    bool tables;    /* takes --csv and --latex */
    bool page;      /* takes --html */
    bool programs;  /* takes --arithmetic */
    bool deployed;  /* takes --deployed */
    int (*run)(const cli_options *options);
} cli_command;

extern const cli_command cli_audit, cli_certify, cli_radius, cli_attack, cli_compare, cli_report,
    cli_run, cli_info, cli_methods, cli_train, cli_bench, cli_features, cli_merge, cli_verify,
    cli_export;

/** cli_supports - soundproof supports CAPABILITY, which VNN-LIB 2.0 defines (verify/supports.c). */
int cli_supports(int argc, const char **argv);

/** cli_options_read - reads argv[1..] for a command (argv[0] is ignored).
 *  Returns -1 to go on, or the exit code: usage errors and --help have been printed. */
int cli_options_read(cli_options *options, const cli_command *command, int argc, const char **argv);
void cli_options_clear(cli_options *options);
/** cli_option_value - takes the argument of an option of the table, made with malloc
 *  (option_values.c): -1, or the exit code after a message. */
int cli_option_value(cli_options *options, const cli_command *command, int option, char *text);
/** cli_whole_parse - a whole number of [least, most]; false: not one. */
bool cli_whole_parse(long *value, const char *text, long least, long most);
/** cli_method_parse - a row of the table of methods, or NAME@FRONT or NAME/K, which the options
 *  own: -1, or the exit code after a message. cli_variants_clear - frees the latter.
 *  cli_symbols_take - takes --symbols into the methods that it bounds, likewise.
 *  cli_front_parse - false: there is none of this name. */
int cli_method_parse(const sp_method **method, cli_options *options, const cli_command *command,
                     const char *name);
void cli_variants_clear(cli_options *options);
int cli_symbols_take(cli_options *options, const cli_command *command);
bool cli_front_parse(sp_front_rule *rule, const char *name);
/** cli_backend_select - makes --backend the one that computes: -1, or the exit code after a
 *  message.
 */
int cli_backend_select(const cli_command *command, const cli_options *options);
/** cli_memory_parse - a size like 16GB or 500MB in bytes; false: not one. */
bool cli_memory_parse(size_t *bytes, const char *text);
/** cli_threads_parse - a number of threads of 1 to 1024; false: not one. */
bool cli_threads_parse(int *threads, const char *text);

/* ---- messages ---- */

/** cli_complain - one line on stderr, "soundproof: ..."; wipes the progress bar first. */
void cli_complain(const char *format, ...) SP_PRINTF(1, 2);
/** cli_plain - one line: what would end it or move the cursor becomes '?', in place. */
void cli_plain(char *text);
/** cli_complain_about - the same for an input: "soundproof: INPUT: text", the name only once. */
void cli_complain_about(const char *input, const char *text);
/** cli_usage - a complaint that ends with the command whose --help helps; returns CLI_USAGE. */
int cli_usage(const cli_command *command, const char *format, ...) SP_PRINTF(2, 3);
/** cli_nearest - the one of `count` names that a misspelt word is likely to mean; NULL: none is
 *  near. */
const char *cli_nearest(const char *word, const char *const *names, size_t count);
/** cli_print - prints a text that was made with malloc, with a newline, and frees it. */
void cli_print(char *text);

/* ---- interruption ---- */

/** cli_interrupt_watch - from now on SIGINT and SIGTERM stop the clock (base/clock.h), once.
 *  cli_interrupt_code - the exit code that tells of it, 130 after Ctrl-C; -1: none came. */
void cli_interrupt_watch(void);
int cli_interrupt_code(void);

/* ---- model and clips ---- */

/** cli_model_files - a model and its front end. */
typedef struct cli_model_files {
    sp_model model;
    sp_front *front;
} cli_model_files;
/** cli_model_files_open - reads --model and --front (or the description inside the model); for
 *  sequences no front end. On failure the reason has been printed and the exit code is returned,
 *  else -1. */
int cli_model_files_open(cli_model_files *files, const cli_command *command,
                         const cli_options *options, bool sequences);
void cli_model_files_clear(cli_model_files *files);

/** cli_clip_read - reads a clip as the front end and the options ask; says on stderr what a user
 *  should know of it. */
SP_NODISCARD sp_status cli_clip_read(sp_error *err, sp_clip *clip, const char *path,
                                     const sp_front *front, const cli_options *options);

/** cli_names - what to call clips in a table: the file name, or the path where file names repeat;
 *  standard input is "stdin"; control characters become '?'. */
typedef struct cli_names {
    char **name;         /* [count] owned */
    size_t count, width; /* width: columns of the widest, at least 4 */
} cli_names;
bool cli_names_make(cli_names *names, char *const *path, size_t count);
void cli_names_clear(cli_names *names);

/** cli_clips - the clips of the command line, or those of the manifest when none is named. */
typedef struct cli_clips {
    const cli_options *options; /* borrowed */
    size_t count, classes;
    bool unlabelled;   /* many decisions are asked about, which have no label */
    bool sequences;    /* they are no recordings */
    char **path;       /* [count] as given; borrowed from the options, the manifest or `made` */
    const char **file; /* [count] what is opened */
    char **made;       /* [makes] owned: names of the sequences of files that hold many */
    size_t makes;
    cli_names names; /* different for all clips that were given, not only for those of the shard */
    sp_manifest manifest;
    size_t given;   /* clips: more than count with --shard */
    char split[65]; /* SHA-256 of all clips that were given, and of their costs; or "" */
    size_t *index;  /* [count] owned: which of the given ones; NULL: all */
    double *cost;   /* [count] owned: see cli/journal/shard.c; NULL: not asked for */
} cli_clips;
/** cli_clips_check - the usage errors that show before anything is read: -1, or the exit code. */
int cli_clips_check(const cli_command *command, const cli_options *options);
/** cli_clips_open - reads the manifest: -1, or the exit code after a message, with nothing to
 *  clear. cli_clips_answers - how many answers the model has: -1, or the exit code after a message.
 */
int cli_clips_open(cli_clips *clips, const cli_command *command, const cli_options *options);
int cli_clips_answers(cli_clips *clips, const cli_command *command, size_t classes);
void cli_clips_clear(cli_clips *clips);
/** cli_clips_out_of_memory - says so; the exit code. */
int cli_clips_out_of_memory(const cli_clips *clips);
/** cli_clips_label - of clip i; -1: the model's own answer. cli_clips_read - the clip too. */
SP_NODISCARD sp_status cli_clips_label(sp_error *err, long *label, const cli_clips *clips,
                                       size_t i);
SP_NODISCARD sp_status cli_clips_read(sp_error *err, sp_clip *clip, long *label,
                                      const cli_clips *clips, size_t i, const sp_front *front);

/** cli_session - model, front end, clips and the forms of the method. */
typedef struct cli_session {
    const cli_options *options; /* borrowed */
    cli_model_files files;
    cli_clips clips;
    sp_class_names names; /* of the answers; empty: they are numbers */
    double *threshold;    /* [net classes] owned; of the outputs, as logits; or NULL */
    sp_pipeline pipeline;
} cli_session;
/** cli_session_names - NULL when there are none. */
const sp_class_names *cli_session_names(const cli_session *session);
/** cli_session_open - -1, or the exit code after a message, with nothing to clear. `bounds`: with
 *  the pipeline, which a concrete run does not need. */
int cli_session_open(cli_session *session, const cli_command *command, const cli_options *options,
                     bool bounds);
/** cli_asks_open - takes --property and --threshold into the pipeline (asks.c): -1, or the exit
 *  code after a message. cli_asks_says - behind a table: what is asked, where many decisions are.
 *  cli_asks_print - behind a row: where the least margin is. */
int cli_asks_open(cli_session *session, const cli_command *command);
void cli_asks_says(const cli_session *session);
void cli_asks_print(const sp_verdict *verdict);
void cli_session_clear(cli_session *session);
/** cli_attacker_open - -1, or the exit code after a message. */
int cli_attacker_open(sp_attacker *attacker, const cli_session *session);
/** cli_attack_options - as the command line has them; `source` is the clip's file. */
sp_attack_options cli_attack_options(const cli_options *options, const char *source);
/** cli_norm_says - behind a table: what noise the budgets are, if it is not the box, and what
 *  hears it, if not the network in real numbers. */
void cli_norm_says(const cli_options *options);
/** cli_budget_check - -1, or the exit code when there is no --budget, or no --eps. */
int cli_budget_check(const cli_command *command, const cli_options *options);

/** cli_path_make_folder - makes the folder and those above it; SP_E_IO with a line that says why
 *  files cannot be made in it. cli_path_check - the same about a file of this name.
 *  cli_path_beside - FOLDER/NAME_TEXT with NAME's ending behind the text, the slashes of the name
 *  replaced; owned by the caller, NULL: no memory. */
SP_NODISCARD sp_status cli_path_make_folder(sp_error *err, const char *path);
SP_NODISCARD sp_status cli_path_check(sp_error *err, const char *path);
char *cli_path_beside(const char *folder, const char *name, const char *text);
/** cli_path_proof - FOLDER/NAME_BUDGET.proof, without NAME's ending. */
char *cli_path_proof(const char *folder, const char *name, const char *budget);
/** cli_path_heard - FOLDER/NAME_heard.wav, likewise. */
char *cli_path_heard(const char *folder, const char *name);
/** cli_cache_open - lets front ends keep what they cost below XDG_CACHE_HOME, or else ~/.cache;
 *  SOUNDPROOF_CACHE is another folder, empty: none. Where nothing can be kept, nothing is said. */
void cli_cache_open(void);
/** cli_path_name - what stands behind the last slash. */
const char *cli_path_name(const char *path);
/** cli_path_with - with a text before the ending: "all.csv" becomes "all-totals.csv". Free it with
 *  free; NULL: no memory. */
char *cli_path_with(const char *path, const char *text);

#endif
