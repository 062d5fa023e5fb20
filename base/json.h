/* Reading JSON with errors that name the place, and writing JSON lines. Only this module knows
 * cJSON. */
#ifndef SP_BASE_JSON_H
#define SP_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** sp_json - a node of a parsed text; NULL stands for "absent". */
typedef struct sp_json sp_json;

/** sp_json_parse - reads text[size]; syntax errors give line and column. A member that appears
 *  twice, a number beyond the range of a double and \u0000 are refused too. Destroy the root only.
 *  Not thread-safe. */
SP_NODISCARD sp_status sp_json_parse(sp_error *err, sp_json **root, const char *text, size_t size);
void sp_json_destroy(sp_json *root);

/** sp_json_get - member `key` of an object, or NULL. */
const sp_json *sp_json_get(const sp_json *object, const char *key);
bool sp_json_is_object(const sp_json *node);
bool sp_json_is_string(const sp_json *node);
bool sp_json_is_number(const sp_json *node);
bool sp_json_is_array(const sp_json *node);
bool sp_json_is_bool(const sp_json *node);
/** sp_json_flag - whether a node is true. */
bool sp_json_flag(const sp_json *node);
/** sp_json_first / sp_json_next - the first entry of an array or member of an object, and the one
 *  behind an entry; NULL: none. */
const sp_json *sp_json_first(const sp_json *array);
const sp_json *sp_json_next(const sp_json *entry);
/** sp_json_name - of a member; "" for an entry of an array. sp_json_string / sp_json_value - of a
 *  string, and of a number. */
const char *sp_json_name(const sp_json *member);
const char *sp_json_string(const sp_json *node);
double sp_json_value(const sp_json *node);

/** sp_json_number / sp_json_text - a required member: absent or of another type is SP_E_FORMAT with
 *  the key's name; a number must be finite. */
SP_NODISCARD sp_status sp_json_number(sp_error *err, double *value, const sp_json *object,
                                      const char *key);
SP_NODISCARD sp_status sp_json_text(sp_error *err, const char **value, const sp_json *object,
                                    const char *key);
/** sp_json_only - SP_E_UNSUPPORTED naming the first member that is not in the NULL-ended list. */
SP_NODISCARD sp_status sp_json_only(sp_error *err, const sp_json *object, const char *const *keys);

/* ---- writing: one object per line ---- */
typedef struct sp_json_line sp_json_line;
/** sp_json_line_create - an empty object; NULL only when memory is out (every other call accepts
 *  NULL). Texts are escaped; bytes that are not UTF-8 are replaced by U+FFFD. */
sp_json_line *sp_json_line_create(void);
void sp_json_line_text(sp_json_line *line, const char *key, const char *value);
/** sp_json_line_number - shortest text that reads back to the same double; null when not finite. */
void sp_json_line_number(sp_json_line *line, const char *key, double value);
void sp_json_line_null(sp_json_line *line, const char *key);
void sp_json_line_bool(sp_json_line *line, const char *key, bool value);
/** sp_json_line_numbers - an array; entries that are not finite become null. */
void sp_json_line_numbers(sp_json_line *line, const char *key, const double *values, size_t count);
/** sp_json_line_rows - an array of `rows` arrays of `columns` numbers. */
void sp_json_line_rows(sp_json_line *line, const char *key, const double *values, size_t rows,
                       size_t columns);
/** sp_json_line_raw - a member that is JSON already, an object of sp_json_line_finish for instance;
 *  NULL: memory ran out where it was made. */
void sp_json_line_raw(sp_json_line *line, const char *key, const char *json);
/** sp_json_line_finish - the text without a newline (free it with free), and destroys the line.
 *  NULL when memory ran out at any step. */
char *sp_json_line_finish(sp_json_line *line);

#ifdef __cplusplus
}
#endif
#endif
