/* Which bytes form a character of UTF-8. */
#ifndef SP_BASE_UTF8_H
#define SP_BASE_UTF8_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** sp_utf8_length - bytes (1-4) of the character at `text`, a string that ends in a zero byte; 0
 *  at the end of the string and when the bytes there are not UTF-8 (overlong forms, surrogates and
 *  values above 10FFFF included). */
size_t sp_utf8_length(const char *text);

#ifdef __cplusplus
}
#endif
#endif
