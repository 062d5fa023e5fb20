/* The checker of certificates, as a program of its own beside the command. */
#ifndef SP_CLI_REHEARSAL_H
#define SP_CLI_REHEARSAL_H

#include "base/status.h"

/** cli_rehearse - SP_OK: soundproof-check accepts the certificate `proof`. SP_E_UNSUPPORTED: it
 *  refuses it, and says why, or it cannot be run. front: path of the description, or NULL. */
SP_NODISCARD sp_status cli_rehearse(sp_error *err, const char *proof, const char *model,
                                    const char *recording, const char *front);

#endif
