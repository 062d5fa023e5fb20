/* Recordings that are longer than what a model with a fixed window hears. Private to this
 * folder. */
#ifndef SP_CLI_WINDOWS_H
#define SP_CLI_WINDOWS_H

#include "cli/job/job.h"

/** cli_windows_hop_read - the value of --hop, 1 unless given: -1, or the exit code after a
 *  message. */
int cli_windows_hop_read(long *hop, const cli_command *command, const char *text);

/** cli_windows - a recording cut into the windows that the model hears, every `hop` frames. Each
 *  must keep the answer that it gets without noise; where the right answer of the recording is
 *  known, and is not that of the window with the largest score of all, there is only that window,
 *  and the right answer is asked of it. */
typedef struct cli_windows {
    sp_clip *part; /* [count] owned; peak, level and energy are those of the recording */
    sp_noise_profile *profile; /* [count] owned; their parts of its shares; or NULL */
    size_t *first;             /* [count] owned; frames */
    double *margin;            /* [count] owned; without noise */
    size_t *order;             /* [count] owned; by this margin */
    size_t count, all;         /* all: windows of the recording */
    long label;                /* of every window */
    double step_s;             /* seconds of a frame's step */
} cli_windows;
/** cli_windows_cut - count 0: the model hears the clip as it is. Noise of a budget in the recording
 *  is, in the samples of a window, noise of the same radius and kind there, so that all windows are
 *  certified of their own noise: what is cut is the clip and its shares of the budget. Windows that
 *  no noise reaches are left out. SP_E_MISMATCH names the samples that are missing from one that is
 *  too short; SP_E_UNSUPPORTED: the front end's features in a stretch are not those of the
 *  recording. */
SP_NODISCARD sp_status cli_windows_cut(sp_error *err, cli_windows *windows,
                                       const cli_session *session, const sp_clip *clip, long label,
                                       size_t hop);
void cli_windows_clear(cli_windows *windows);
/** cli_windows_name - writes into a verdict which window it is of. */
void cli_windows_name(sp_verdict *verdict, const cli_windows *windows, size_t i);
/** cli_windows_budget - what a budget of the recording is in window i; borrows from `windows`. */
sp_budget cli_windows_budget(const cli_windows *windows, size_t i, const sp_budget *budget);
/** cli_windows_certify - the verdict of the weakest window, with the time of all; with `attacker`
 *  those that stay unknown are attacked. cli_windows_attack - window after window, those with the
 *  least margin first, until one is broken; else the one of these that came nearest to it. */
void cli_windows_certify(sp_verdict *verdict, const cli_windows *windows,
                         const sp_pipeline *pipeline, const sp_budget *budget, double timeout,
                         const sp_attacker *attacker, const sp_attack_options *attack);
void cli_windows_attack(sp_attack *attack, const cli_windows *windows, const sp_attacker *attacker,
                        const sp_budget *budget, const sp_attack_options *options);
/** cli_windows_says - behind a table: what is asked of longer recordings; nothing when there were
 *  none. */
void cli_windows_says(const cli_session *session, size_t recordings, long hop);

#endif
