/* soundproof compare: recordings that are longer than the model's window. */
#include "cli/compare/compare.h"

static void certify_windows(const void *of, sp_verdict *verdict, const sp_pipeline *pipeline,
                            const sp_budget *budget, double timeout) {
    cli_windows_certify(verdict, of, pipeline, budget, timeout, NULL, NULL);
}

/* Noise that breaks one window is none of another one. */
static void attack_windows(const void *of, sp_attack *attack, const sp_attacker *attacker,
                           const sp_budget *budget, const sp_attack_options *options) {
    sp_attack_options own = *options;
    own.hint = NULL;
    cli_windows_attack(attack, of, attacker, budget, &own);
}

void cli_compare_windows(sp_comparison *comparison, const sp_comparison_setup *setup,
                         const cli_windows *windows, const char *source) {
    sp_comparison_run_asks(comparison, setup,
                           &(sp_comparison_asks){windows, certify_windows, attack_windows}, source);
}
