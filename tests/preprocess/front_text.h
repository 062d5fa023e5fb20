/* A front-end description made of parts, so that a test can change or drop one of them. */
#ifndef SP_TESTS_PREPROCESS_FRONT_TEXT_H
#define SP_TESTS_PREPROCESS_FRONT_TEXT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/** front_member - a member of the description, or of its object "mel" when the key begins with
 *  "mel.". */
typedef struct front_member {
    const char *key, *value;
} front_member;

static const front_member FRONT_FSDD[] = {
    {"sample_rate", "8000"},
    {"scale", "\"int16\""},
    {"pad", "{\"rule\": \"append one step of zeros unless the length is a multiple of the step\"}"},
    {"frame", "256"},
    {"step", "200"},
    {"preemphasis", "{\"coefficient\": 0.97, \"where\": \"inside each frame\"}"},
    {"window", "\"hamming-periodic\""},
    {"fft", "256"},
    {"power_norm", "\"1/N\""},
    {"mel.bands", "10"},
    {"mel.low_hz", "0"},
    {"mel.high_hz", "4000"},
    {"mel.formula", "\"2595*log10(1+f/700)\""},
    {"mel.rounding", "\"floor((N+1)*hz/rate)\""},
    {"floor", "{\"add\": 1e-10}"},
    {"log", "\"natural\""}};

#define FRONT_MEMBERS (sizeof FRONT_FSDD / sizeof *FRONT_FSDD)

static inline const char *front_value(const front_member *changes, size_t count, const char *key,
                                      const char *value) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(changes[i].key, key) == 0) {
            return changes[i].value;
        }
    }
    return value;
}

static inline void front_append(char *text, size_t size, const char *key, const char *value) {
    const size_t used = strlen(text);
    if (value != NULL) {
        (void)snprintf(text + used, size - used, "%s\"%s\": %s", text[used - 1] == '{' ? "" : ", ",
                       key, value);
    }
}

/** front_text - the FSDD description with `changes`; a value of NULL drops the member. Keys that
 *  it does not have are added at the top. */
static inline const char *front_text(char *text, size_t size, const front_member *changes,
                                     size_t count) {
    char mel[1024] = "{";
    (void)snprintf(text, size, "{");
    for (size_t i = 0; i < FRONT_MEMBERS; i++) {
        const char *key = FRONT_FSDD[i].key;
        const char *value = front_value(changes, count, key, FRONT_FSDD[i].value);
        if (strncmp(key, "mel.", 4) == 0) {
            front_append(mel, sizeof mel, key + 4, value);
        } else {
            front_append(text, size, key, value);
        }
    }
    for (size_t i = 0; i < count; i++) {
        bool known = strcmp(changes[i].key, "mel") == 0;
        for (size_t j = 0; j < FRONT_MEMBERS; j++) {
            known = known || strcmp(changes[i].key, FRONT_FSDD[j].key) == 0;
        }
        if (!known && strncmp(changes[i].key, "mel.", 4) == 0) {
            front_append(mel, sizeof mel, changes[i].key + 4, changes[i].value);
        } else if (!known) {
            front_append(text, size, changes[i].key, changes[i].value);
        }
    }
    (void)snprintf(mel + strlen(mel), sizeof mel - strlen(mel), "}");
    front_append(text, size, "mel", front_value(changes, count, "mel", mel));
    (void)snprintf(text + strlen(text), size - strlen(text), "}");
    return text;
}

#endif
