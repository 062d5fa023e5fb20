/* soundproof compare: recordings that are longer than the model's window. */
#include "base/clock.h"
#include "base/pool.h"
#include "cli/compare/compare.h"

typedef struct window_work {
    sp_comparison *comparison;
    const sp_comparison_setup *setup;
    const cli_windows *windows;
    const char *source;
} window_work;

static void attack_all(const window_work *w) {
    const sp_comparison_setup *setup = w->setup;
    sp_attack_options options = setup->attack;
    options.timeout = setup->timeout;
    options.source = w->source;
    options.out = NULL;
    options.hint = NULL;
    for (size_t b = 0; b < setup->budgets; b++) {
        cli_windows_attack(&w->comparison->attack[b], w->windows, setup->attacker,
                           &setup->budget[b], &options);
    }
}

static void run_task(void *context, size_t index) {
    const window_work *w = context;
    const sp_comparison_setup *setup = w->setup;
    const sp_comparison *comparison = w->comparison;
    if (comparison->known[index]) {
        return;
    }
    if (index == setup->budgets * setup->methods) {
        attack_all(w);
    } else {
        cli_windows_certify(&w->comparison->verdict[index], w->windows,
                            &setup->pipeline[index % setup->methods],
                            &setup->budget[index / setup->methods], setup->timeout, NULL, NULL);
    }
    if (comparison->finished) {
        comparison->finished(comparison->context, comparison, index);
    }
}

void cli_compare_windows(sp_comparison *comparison, const sp_comparison_setup *setup,
                         const cli_windows *windows, const char *source) {
    window_work w = {comparison, setup, windows, source};
    const size_t tasks = setup->budgets * setup->methods;
    sp_pool_run(tasks + (setup->attacker != NULL), 0, run_task, &w);
    comparison->interrupted = sp_clock_stopped();
}
