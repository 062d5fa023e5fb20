/* Private to certify/: a noisy clip that goes through a file before it counts. */
#ifndef SP_CERTIFY_REPLAY_H
#define SP_CERTIFY_REPLAY_H

#include "certify/attack/attack.h"
#include "certify/impl.h"

/** sp_attack_replay - writes `samples` in the format of options->source to a file, reads it as any
 *  clip is read, checks every sample against the noise set and lets the model hear it. One that
 *  breaks the clip takes the path options->out.
 *  Fills the file_ fields of the attack; a file outside the set is SP_E_NUMERIC. */
SP_NODISCARD sp_status sp_attack_replay(sp_error *err, sp_attack *attack, const sp_query *query,
                                        const double *samples, const sp_attack_options *options);

#endif
