/* Tables for other programs: CSV with the keys of --json as columns, and LaTeX for booktabs. */
#include "cli/job/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static int cannot(const char *path, const sp_error *err) {
    cli_complain_about(path, err->text);
    return CLI_INPUT;
}

int cli_rows_open(cli_rows *rows, const cli_command *command, const cli_options *options) {
    sp_error err = {0};
    *rows = (cli_rows){0};
    if (!command->corpus) {
        return -1;
    }
    if (options->csv) {
        if (cli_path_check(&err, options->csv) != SP_OK ||
            sp_file_draft_temporary(&err, &rows->waiting) != SP_OK) {
            return cannot(options->csv, &err);
        }
        rows->csv = options->csv;
        rows->rows = sp_file_draft_stream(&rows->waiting);
    }
    if (options->latex) {
        if (sp_file_draft_open(&err, &rows->table, options->latex) != SP_OK) {
            return cannot(options->latex, &err);
        }
        rows->latex = options->latex;
        rows->out = sp_file_draft_stream(&rows->table);
    }
    if ((rows->csv && !rows->rows) || (rows->latex && !rows->out)) {
        cli_complain("out of memory");
        return CLI_INPUT;
    }
    return -1;
}

void cli_rows_drop(cli_rows *rows) {
    if (rows->csv) {
        sp_file_draft_drop(&rows->waiting);
    }
    if (rows->latex) {
        sp_file_draft_drop(&rows->table);
    }
    for (size_t i = 0; i < rows->columns; i++) {
        free(rows->column[i]);
    }
    free(rows->column);
    *rows = (cli_rows){0};
}

/* ---- CSV ---- */

static bool add_column(cli_rows *rows, const char *name) {
    for (size_t i = 0; i < rows->columns; i++) {
        if (strcmp(rows->column[i], name) == 0) {
            return true;
        }
    }
    char **grown = realloc(rows->column, (rows->columns + 1) * sizeof *grown);
    char *copy = strdup(name);
    rows->column = grown ? grown : rows->column;
    if (!grown || !copy) {
        free(copy);
        return false;
    }
    rows->column[rows->columns++] = copy;
    return true;
}

static void put_quoted(FILE *out, const char *text) {
    if (!text[strcspn(text, ",\"\r\n;")]) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        fputs(*text == '"' ? "\"\"" : (char[]){*text, '\0'}, out);
    }
    fputc('"', out);
}

/* The shortest text that reads back to the same number. */
static void put_figure(FILE *out, double value) {
    char text[64] = "";
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    fputs(text, out);
}

/* A list has blanks between its numbers; what is not known is empty, in a list "nan". */
static void put_value(FILE *out, const sp_json *value) {
    if (sp_json_is_string(value)) {
        put_quoted(out, sp_json_string(value));
    } else if (sp_json_is_number(value)) {
        put_figure(out, sp_json_value(value));
    } else if (sp_json_is_bool(value)) {
        fputs(sp_json_flag(value) ? "true" : "false", out);
    } else if (sp_json_is_array(value)) {
        for (const sp_json *e = sp_json_first(value); e; e = sp_json_next(e)) {
            if (e != sp_json_first(value)) {
                fputc(' ', out);
            }
            if (sp_json_is_number(e)) {
                put_figure(out, sp_json_value(e));
            } else {
                fputs("nan", out);
            }
        }
    }
}

static sp_status write_csv_line(sp_error *err, const cli_rows *rows, FILE *out, const char *line,
                                size_t size) {
    sp_json *object = NULL;
    SP_TRY(sp_json_parse(err, &object, line, size));
    for (size_t i = 0; i < rows->columns; i++) {
        if (i > 0) {
            fputc(',', out);
        }
        put_value(out, sp_json_get(object, rows->column[i]));
    }
    fputs("\r\n", out);
    sp_json_destroy(object);
    return SP_OK;
}

static sp_status write_csv(sp_error *err, cli_rows *rows) {
    sp_file_draft draft;
    char *line = NULL;
    size_t room = 0;
    ssize_t got = 0;
    if (fflush(rows->rows) != 0 || ferror(rows->rows)) {
        return sp_fail(err, SP_E_IO, "no room for the rows of the table in TMPDIR");
    }
    SP_TRY(sp_file_draft_open(err, &draft, rows->csv));
    FILE *out = sp_file_draft_stream(&draft);
    FILE *in = fopen(sp_file_draft_place(&rows->waiting), "rb");
    sp_status status =
        out && in ? SP_OK : sp_fail(err, SP_E_IO, "%s: cannot be written", rows->csv);
    for (size_t i = 0; status == SP_OK && i < rows->columns; i++) {
        if (i > 0) {
            fputc(',', out);
        }
        put_quoted(out, rows->column[i]);
    }
    if (status == SP_OK) {
        fputs("\r\n", out);
    }
    while (status == SP_OK && (got = getline(&line, &room, in)) > 0) {
        status = write_csv_line(err, rows, out, line, (size_t)got);
    }
    free(line);
    if (in) {
        fclose(in);
    }
    if (status != SP_OK) {
        sp_file_draft_drop(&draft);
        return status;
    }
    return sp_file_draft_keep(err, &draft);
}

/* The line with the column of the prefix in front. */
static void wait_row(cli_rows *rows, const char *json) {
    sp_json *object = NULL;
    bool taken = sp_json_parse(NULL, &object, json, strlen(json)) == SP_OK;
    if (rows->prefix_key) {
        taken = taken && add_column(rows, rows->prefix_key);
    }
    for (const sp_json *m = sp_json_first(object); taken && m; m = sp_json_next(m)) {
        taken = add_column(rows, sp_json_name(m));
    }
    sp_json_destroy(object);
    if (!taken) {
        cli_complain("out of memory for a row of %s", rows->csv);
    } else if (rows->prefix_key) {
        sp_json_line *line = sp_json_line_create();
        sp_json_line_text(line, rows->prefix_key, rows->prefix);
        char *head = sp_json_line_finish(line);
        if (head) {
            head[strlen(head) - 1] = ',';
            fprintf(rows->rows, "%s%s\n", head, json + 1);
        }
        free(head);
    } else {
        fprintf(rows->rows, "%s\n", json);
    }
}

/* ---- LaTeX ---- */

static void end_table(cli_rows *rows) {
    if (rows->headed) {
        fputs("\\bottomrule\n\\end{tabular}\n", rows->out);
        rows->headed = false;
    }
}

void cli_rows_head(cli_rows *rows, char *latex) {
    if (rows && rows->out && latex) {
        end_table(rows);
        fputs("% needs \\usepackage{booktabs}\n\\begin{tabular}{l", rows->out);
        for (const char *at = latex; *at; at++) {
            if (*at == '&' && at[-1] != '\\') {
                fputc('r', rows->out);
            }
        }
        fprintf(rows->out, "}\n\\toprule\n%s\n\\midrule\n", latex);
        rows->headed = true;
    }
    free(latex);
}

void cli_rows_block(cli_rows *rows, char *latex) {
    if (rows && rows->out && latex) {
        end_table(rows);
        fprintf(rows->out, "%s\n", latex);
    }
    free(latex);
}

void cli_rows_put(cli_rows *rows, const char *json, const char *latex) {
    if (rows && rows->rows) {
        wait_row(rows, json);
    }
    if (rows && rows->out && latex) {
        fprintf(rows->out, "%s\n", latex);
    }
}

int cli_rows_close(cli_rows *rows) {
    sp_error err = {0};
    int code = -1;
    if (rows->csv && write_csv(&err, rows) != SP_OK) {
        code = cannot(rows->csv, &err);
    }
    if (rows->latex) {
        end_table(rows);
        const char *path = rows->latex;
        rows->latex = NULL;
        if (sp_file_draft_keep(&err, &rows->table) != SP_OK) {
            code = cannot(path, &err);
        }
    }
    cli_rows_drop(rows);
    return code;
}
