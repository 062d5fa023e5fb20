/* VNN-LIB queries about a box and a label, as files. */
#include "cli/verify/query.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum { NAME = 96 };

const char *cli_query_language(const char *given) {
    return !given || strcmp(given, "2.0") == 0 ? "2.0" : strcmp(given, "1.0") == 0 ? "1.0" : NULL;
}

/* Version 2.0: X[0,0,3]. */
static void name_input(char text[NAME], const cli_query *q, size_t index) {
    size_t inner = q->inputs, used = 0;
    if (!q->late) {
        snprintf(text, NAME, "X_%zu", index);
        return;
    }
    for (size_t a = 0; a < q->axes; a++) {
        inner /= q->axis[a];
        used += (size_t)snprintf(text + used, NAME - used, "%s%zu", a == 0 ? "X[" : ",",
                                 index / inner % q->axis[a]);
    }
    snprintf(text + used, NAME - used, "]");
}

static void name_output(char text[NAME], const cli_query *q, size_t index) {
    snprintf(text, NAME, q->late ? "Y[0,%zu]" : "Y_%zu", index);
}

static void declare(FILE *to, const cli_query *q) {
    if (!q->late) {
        for (size_t i = 0; i < q->inputs; i++) {
            fprintf(to, "(declare-const X_%zu Real)\n", i);
        }
        for (size_t k = 0; k < q->outputs; k++) {
            fprintf(to, "(declare-const Y_%zu Real)\n", k);
        }
        return;
    }
    fprintf(to, "(vnnlib-version <2.0>)\n(declare-network f\n  (declare-input X real [");
    for (size_t a = 0; a < q->axes; a++) {
        fprintf(to, a == 0 ? "%zu" : ",%zu", q->axis[a]);
    }
    fprintf(to, "])\n  (declare-output Y real [1,%zu]))\n", q->outputs);
}

static void assert_inputs(FILE *to, const cli_query *q) {
    for (size_t i = 0; i < q->inputs; i++) {
        char x[NAME];
        name_input(x, q, i);
        fprintf(to, "(assert (>= %s %.17g))\n(assert (<= %s %.17g))\n", x, q->lo[i], x, q->hi[i]);
    }
}

static void assert_outputs(FILE *to, const cli_query *q) {
    char own[NAME], other[NAME];
    if (q->outputs == 1) {
        name_output(own, q, 0);
        fprintf(to, "(assert (%s %s %g))\n", q->label == 1 ? "<=" : ">=", own, q->threshold);
        return;
    }
    name_output(own, q, q->label);
    fprintf(to, "(assert (or\n");
    for (size_t k = 0; k < q->outputs; k++) {
        name_output(other, q, k);
        if (k != q->label) {
            fprintf(to, "  (and (>= %s %s))\n", other, own);
        }
    }
    fprintf(to, "))\n");
}

sp_status cli_query_write(sp_error *err, const char *path, const cli_query *q) {
    sp_file_draft draft;
    SP_TRY(sp_file_draft_open(err, &draft, path));
    FILE *to = sp_file_draft_stream(&draft);
    if (!to) {
        sp_file_draft_drop(&draft);
        return sp_fail(err, SP_E_MEMORY, "out of memory for a query");
    }
    fprintf(to, "; %s\n", q->about);
    declare(to, q);
    assert_inputs(to, q);
    assert_outputs(to, q);
    return sp_file_draft_keep(err, &draft);
}
