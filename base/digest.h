/* SHA-256 checksums. Only this module knows nettle. */
#ifndef SP_BASE_DIGEST_H
#define SP_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SP_DIGEST_TEXT = 65 }; /* bytes of a checksum in hexadecimal, with its end */

/** sp_digest - a checksum in the making; NULL only when memory is out, which every call accepts. */
typedef struct sp_digest sp_digest;
sp_digest *sp_digest_create(void);
void sp_digest_add(sp_digest *digest, const void *data, size_t size);
/** sp_digest_number / sp_digest_real - eight bytes, least significant first, whatever the
 *  machine. */
void sp_digest_number(sp_digest *digest, uint64_t number);
void sp_digest_real(sp_digest *digest, double number);
/** sp_digest_finish - O text [SP_DIGEST_TEXT]; destroys the digest. SP_E_MEMORY for NULL. */
SP_NODISCARD sp_status sp_digest_finish(sp_digest *digest, char *text);

#ifdef __cplusplus
}
#endif
#endif
