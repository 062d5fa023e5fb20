/* Runs over many clips: journals to which results are appended as they are finished and which a
 * later run reads instead of doing the same work again, results as JSON objects, and shards. */
#ifndef SP_RUNS_H
#define SP_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "certify/audit/audit.h"
#include "certify/study/study.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- journals ---- */

/** sp_journal - an open journal. Every line is a JSON object whose last member, "check", holds
 *  digits of the SHA-256 of what stands before it. A line that begins with "id" is a result; the
 *  last one of an id counts. All other lines say what is being done. Thread-safe. */
typedef struct sp_journal sp_journal;

enum { SP_JOURNAL_ID = 32 }; /* hexadecimal digits of an id */

/** sp_journal_about - what was found in it. */
typedef struct sp_journal_about {
    size_t results; /* of different ids */
    size_t lines;   /* whole ones */
    size_t damaged; /* lines that are not what was written; they count as if they were not there */
    bool torn;      /* the last line was cut short: it was taken away, or, read only, left out */
    uint64_t bytes;
} sp_journal_about;

/** sp_journal_other - called for every line that is no result, in their order. */
typedef sp_status sp_journal_other(sp_error *err, void *context, const char *line, size_t size);

/** sp_journal_open - opens or makes a journal to append to, and locks it: SP_E_IO names a process
 *  that has it; SP_E_FORMAT: the file is none, it stays as it is.
 *  sp_journal_read - one that is read only, also while somebody appends to it. */
SP_NODISCARD sp_status sp_journal_open(sp_error *err, sp_journal **journal, const char *path,
                                       sp_journal_other *other, void *context);
SP_NODISCARD sp_status sp_journal_read(sp_error *err, sp_journal **journal, const char *path,
                                       sp_journal_other *other, void *context);
void sp_journal_close(sp_journal *journal);
const sp_journal_about *sp_journal_tell(const sp_journal *journal);
const char *sp_journal_path(const sp_journal *journal);

/** sp_journal_append - a line, without "check" and newline. What cannot be written whole is taken
 *  away again, and nothing more is written: SP_E_IO.
 *  sp_journal_sync - what was appended is on the disk. */
SP_NODISCARD sp_status sp_journal_append(sp_error *err, sp_journal *journal, const char *line);
SP_NODISCARD sp_status sp_journal_sync(sp_error *err, sp_journal *journal);

/** sp_journal_find - the last result of an id, to be destroyed with sp_json_destroy; NULL: there is
 *  none. */
sp_json *sp_journal_find(sp_journal *journal, const char id[SP_JOURNAL_ID + 1]);
/** sp_journal_name - the id of a result.   O id [SP_JOURNAL_ID + 1]   I setup: of the run; part:
 *  which of the results of the clip */
SP_NODISCARD sp_status sp_journal_name(char *id, const char *setup, const char *clip, long label,
                                       const char *part);

/* ---- results as JSON objects ---- */

/* What a journal keeps of a result: every number of the text that is printed of it. Numbers that do
 * not exist, and those that are infinite, come back as NaN; noises and files in memory do not come
 * back. */

/** sp_record_verdict and the like - the object; free it with free, NULL: no memory.
 *  sp_record_take_verdict and the like - from such an object into an outcome that holds nothing;
 *  false: it is not one, or there is no memory, and nothing is left to clear. Names of answers are
 *  the caller's. */
char *sp_record_verdict(const sp_verdict *verdict);
bool sp_record_take_verdict(sp_verdict *verdict, const sp_json *object);
char *sp_record_attack(const sp_attack *attack);
bool sp_record_take_attack(sp_attack *attack, const sp_json *object);
char *sp_record_radius(const sp_radius *radius);
bool sp_record_take_radius(sp_radius *radius, const sp_json *object);
char *sp_record_finding(const sp_finding *finding);
bool sp_record_take_finding(sp_finding *finding, const sp_json *object);
/** sp_record_study - with the bytes of the breaking file, without clip and sound, which
 *  sp_study_hear gives to one that has come back. */
char *sp_record_study(const sp_study *study);
bool sp_record_take_study(sp_study *study, const sp_json *object);

/* ---- shards ---- */

/** sp_shard_split - deals items out to `shards` shards of about the same cost: the dearest first,
 *  each to the shard that has least; the same on every machine.   O shard [count], from 0
 *  I cost [count] whole numbers >= 0 below 2^53 */
SP_NODISCARD sp_status sp_shard_split(sp_error *err, size_t *shard, const double *cost,
                                      size_t count, size_t shards);

#ifdef __cplusplus
}
#endif

#endif
