/* Bytes as text, base64 by nettle. */
#ifndef SP_BASE_BASE64_H
#define SP_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** sp_base64_text - the text of `size` bytes; free it with free, NULL: no memory.
 *  sp_base64_bytes - the bytes of such a text, likewise; false: it is none, or there is no
 *  memory. */
char *sp_base64_text(const void *data, size_t size);
bool sp_base64_bytes(char **data, size_t *size, const char *text);

#ifdef __cplusplus
}
#endif
#endif
