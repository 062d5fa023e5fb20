/* Private to certify/: a noisy clip that goes through a file before it counts. */
#ifndef SP_CERTIFY_REPLAY_H
#define SP_CERTIFY_REPLAY_H

#include "certify/attack/attack.h"
#include "certify/impl.h"

/** sp_attack_replay - writes the noisy clip to a file, reads it as any clip is read, checks every
 *  sample against the noise set and lets the model hear it. One that breaks the clip takes the path
 *  options->out. The file has the clip's own format where that keeps the samples; formats that do
 *  not, as ADPCM, are tried with as much of the noise as stays in the set; else, or if that does
 *  not break the clip, it is WAV.
 *  I/O samples [n] the noisy clip; becomes what the file decodes to
 *  Fills the file fields of the attack; a file outside the set is SP_E_NUMERIC. */
SP_NODISCARD sp_status sp_attack_replay(sp_error *err, sp_attack *attack, const sp_query *query,
                                        double *samples, const sp_attack_options *options);

/** sp_attack_recode - looks for a noisy clip that the clip's own encoding, which moves samples,
 *  turns into one of the set with another answer.
 *  O trial [n] what is to be written   I samples [n] a noisy clip of the set with another answer
 *  False: none was found. */
bool sp_attack_recode(double *trial, const sp_query *query, const double *samples);

#endif
