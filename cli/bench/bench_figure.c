/* One figure of soundproof bench. */
#include "base/json.h"
#include "cli/bench/bench.h"

/* Three digits, or all before the point. */
static int decimals(double value) {
    return value >= 100.0 ? 0 : value >= 10.0 ? 1 : value >= 1.0 ? 2 : 3;
}

void bench_figure(const cli_options *options, const char *topic, const char *what, double value,
                  const char *unit, const char *target) {
    if (options->json) {
        sp_json_line *line = sp_json_line_create();
        sp_json_line_text(line, "topic", topic);
        sp_json_line_text(line, "what", what);
        sp_json_line_number(line, "value", value);
        sp_json_line_text(line, "unit", unit);
        sp_json_line_text(line, "target", target);
        cli_print(sp_json_line_finish(line));
    } else {
        printf("%-8s  %-58s  %9.*f  %-8s  %s\n", topic, what, decimals(value), value, unit, target);
    }
    fflush(stdout);
}
