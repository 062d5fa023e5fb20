/* JSON lines that the command prints. */
#ifndef SP_TESTS_CLI_JSON_LINES_H
#define SP_TESTS_CLI_JSON_LINES_H

#include "tests/cli/command.h"

#include <cjson/cJSON.h>

static inline const cJSON *member(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!item) {
        fail_msg("no key %s", key);
    }
    return item;
}

/* The objects of JSON lines; no number may be spelled nan or inf, for cJSON reads some of that. */
static inline cJSON *parse_lines(char *text, size_t count) {
    cJSON *all = cJSON_CreateArray();
    assert_null(strstr(text, ":nan"));
    assert_null(strstr(text, ":inf"));
    assert_null(strstr(text, ":-inf"));
    for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n")) {
        cJSON *object = cJSON_ParseWithOpts(at, NULL, 1);
        if (!object) {
            fail_msg("not JSON: %s", at);
        }
        cJSON_AddItemToArray(all, object);
    }
    assert_int_equal(cJSON_GetArraySize(all), count);
    return all;
}

#endif
