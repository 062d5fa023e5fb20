/* Methods by name, and variants of them: on another front end (NAME@FRONT), with a bounded number
 * of symbols (NAME/K). */
#include <stdlib.h>
#include <string.h>

#include "cli/impl.h"
#include "lstm/zonotope/zonotope.h"

static int say_methods(const cli_command *command, const char *name, size_t length) {
    char known[256] = "";
    size_t count = 0;
    const sp_method *methods = sp_methods(&count);
    for (size_t i = 0; i < count; i++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", methods[i].name);
    }
    return cli_usage(command, "there is no method '%.*s'; the methods are %s", (int)length, name,
                     known);
}

static const char *const front_names[] = {
    [SP_FRONT_INTERVAL] = "interval", [SP_FRONT_R2] = "r2", [SP_FRONT_JOINT] = "joint"};

bool cli_front_parse(sp_front_rule *rule, const char *name) {
    int i = 0;
    while (i < 3 && strcmp(front_names[i], name) != 0) {
        i++;
    }
    *rule = (sp_front_rule)i;
    return i < 3;
}

/* ---- variants ---- */

enum { MOST_PASSES = 8 };

struct cli_variant {
    sp_method method;
    char name[48];
    sp_method_pass pass[MOST_PASSES];
    sp_zonotope_options zonotope;
    cli_variant *next; /* owned */
};

void cli_variants_clear(cli_options *options) {
    for (cli_variant *v = options->variant; v;) {
        cli_variant *next = v->next;
        free(v);
        v = next;
    }
    options->variant = NULL;
}

/* One for each name, however often it is asked for; a copy of the method at first. NULL: no memory.
 */
static cli_variant *variant_of(cli_options *options, const sp_method *method, const char *name) {
    for (cli_variant *v = options->variant; v; v = v->next) {
        if (strcmp(v->name, name) == 0) {
            return v;
        }
    }
    cli_variant *made = calloc(1, sizeof *made);
    if (!made) {
        cli_complain("out of memory");
        return NULL;
    }
    made->method = *method;
    snprintf(made->name, sizeof made->name, "%s", name);
    made->method.name = made->name;
    made->next = options->variant;
    options->variant = made;
    return made;
}

static int on_front(const sp_method **method, cli_options *options, sp_front_rule rule) {
    char name[48];
    snprintf(name, sizeof name, "%.32s@%s", (*method)->name, front_names[rule]);
    cli_variant *v = variant_of(options, *method, name);
    if (!v) {
        return CLI_INPUT;
    }
    v->method.front = rule;
    *method = &v->method;
    return -1;
}

static bool is_zonotope(const sp_method *method) {
    return method->passes == 1 && method->pass[0].domain == &sp_domain_zonotope;
}

/* "zono@r2" with 512 symbols is "zono/512@r2". */
static int with_symbols(const sp_method **method, cli_options *options, long symbols) {
    const char *at = strchr((*method)->name, '@');
    const size_t stem = at ? (size_t)(at - (*method)->name) : strlen((*method)->name);
    char name[48];
    snprintf(name, sizeof name, "%.*s/%ld%s", (int)stem, (*method)->name, symbols, at ? at : "");
    cli_variant *v = variant_of(options, *method, name);
    if (!v) {
        return CLI_INPUT;
    }
    v->zonotope = *(const sp_zonotope_options *)(*method)->pass[0].options;
    v->zonotope.symbols = (size_t)symbols;
    v->pass[0] = (*method)->pass[0];
    v->pass[0].options = &v->zonotope;
    v->method.pass = v->pass;
    *method = &v->method;
    return -1;
}

/* The method before `end`: a row of the table, or NAME/K. */
static int find_method(const sp_method **method, cli_options *options, const cli_command *command,
                       const char *name, size_t end) {
    char plain[48];
    long symbols = 0;
    snprintf(plain, sizeof plain, "%.*s", (int)(end < sizeof plain ? end : sizeof plain), name);
    *method = sp_method_find(plain);
    char *slash = *method ? NULL : strchr(plain, '/');
    if (slash && cli_whole_parse(&symbols, slash + 1, 8, 100000000)) {
        *slash = '\0';
        *method = sp_method_find(plain);
        if (*method && !is_zonotope(*method)) {
            return cli_usage(command, "%s carries no affine forms: NAME/K goes with zono", plain);
        }
    }
    return !*method ? say_methods(command, name, end)
           : slash  ? with_symbols(method, options, symbols)
                    : -1;
}

int cli_method_parse(const sp_method **method, cli_options *options, const cli_command *command,
                     const char *name) {
    const char *at = strchr(name, '@');
    sp_front_rule rule = SP_FRONT_JOINT;
    if (at && !cli_front_parse(&rule, at + 1)) {
        return cli_usage(command, "behind @ stands a front end, interval, r2 or joint, not '%s'",
                         at + 1);
    }
    const size_t end = at ? (size_t)(at - name) : strlen(name);
    const int code = find_method(method, options, command, name, end);
    return code >= 0 || !at ? code : on_front(method, options, rule);
}

static bool has_symbols(const sp_method *method) {
    return strchr(method->name, '/') != NULL;
}

int cli_symbols_take(cli_options *options, const cli_command *command) {
    size_t taken = 0;
    for (size_t i = 0; options->symbols > 0 && i < options->method_count; i++) {
        const sp_method **method = &options->methods[i];
        if (is_zonotope(*method) && !has_symbols(*method)) {
            const int code = with_symbols(method, options, options->symbols);
            if (code >= 0) {
                return code;
            }
            taken++;
        }
    }
    if (options->symbols == 0 || taken > 0) {
        return -1;
    }
    return options->method_count == 0 && is_zonotope(options->method) &&
                   !has_symbols(options->method)
               ? with_symbols(&options->method, options, options->symbols)
               : cli_usage(command,
                           "--symbols bounds the affine forms of --method zono, hybrid or "
                           "deepz-forms; %s has none to bound",
                           options->method_count > 0 ? "--methods" : options->method->name);
}
