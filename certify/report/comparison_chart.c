/* Comparisons as charts: shares against the budget, and the spread of margins. */
#include "certify/report/comparison_stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sp_report_comparison_axis(const sp_comparison_setup *setup) {
    const sp_budget *budget = &setup->budget[0];
    switch (budget->unit) {
    case SP_BUDGET_DB_PEAK:
        return sp_budget_set(budget)->of_energy ? "noise budget, dB relative to the clip's energy"
                                                : "noise budget, dB relative to the clip's peak";
    case SP_BUDGET_DBFS:
        return "noise budget, dBFS";
    case SP_BUDGET_LSB:
        return "noise budget, steps of the sample format";
    case SP_BUDGET_ABSOLUTE:
        return sp_budget_set(budget)->box ? "how far every number may move, eps"
                                          : "norm of what the numbers move, eps";
    case SP_BUDGET_DB_SNR:
        return "least signal-to-noise ratio, dB";
    }
    return "noise budget";
}

sp_status sp_report_comparison_check_chart(sp_error *err, const sp_comparison_setup *setup) {
    for (size_t b = 1; b < setup->budgets; b++) {
        if (setup->budget[b].unit != setup->budget[0].unit) {
            return sp_fail(err, SP_E_ARGUMENT, "budgets in different units have no common axis");
        }
    }
    return setup->budgets >= 2 ? SP_OK
                               : sp_fail(err, SP_E_ARGUMENT, "a chart needs two budgets or more");
}

/* The budget of point i, from quiet to loud, or as SNR from loud to quiet. */
static size_t budget_at(const sp_comparison_setup *setup, size_t i, bool flip) {
    return setup->quiet_first[flip ? setup->budgets - 1 - i : i];
}

/* The lines of one model, [methods, points]. */
static void take_lines(const sp_report_model *model, bool only, bool flip, double *y) {
    const sp_comparison_setup *setup = model->setup;
    for (size_t m = 0; m < setup->methods; m++) {
        for (size_t i = 0; i < setup->budgets; i++) {
            const size_t b = budget_at(setup, i, flip);
            const sp_comparison_sum *s = &model->totals->method[b * setup->methods + m];
            *y++ = sp_comparison_share(s->certified, only ? s->clips : model->totals->heard);
        }
    }
}

static void take_ceiling(const sp_report_model *model, bool flip, double *y) {
    for (size_t i = 0; i < model->setup->budgets; i++) {
        const sp_comparison_sum *s = &model->totals->attack[budget_at(model->setup, i, flip)];
        y[i] = s->clips ? sp_comparison_share(s->clips - s->broken, s->clips) : 100.0;
    }
}

/* The clips of whose format no other file lies in the set. */
static bool take_floor(const sp_report_model *model, bool only, bool flip, double *y) {
    const sp_comparison_totals *totals = model->totals;
    bool any = false;
    for (size_t i = 0; i < model->setup->budgets; i++) {
        const size_t b = budget_at(model->setup, i, flip);
        const size_t quiet = only ? totals->quiet_right[b] : totals->quiet_heard[b];
        const size_t clips = only ? totals->right : totals->heard;
        y[i] = clips > 0 ? sp_comparison_share(quiet, clips) : 0.0;
        any = any || quiet > 0;
    }
    return any;
}

/* Names of the series of one model: the method's, behind the model's when there are several. */
static bool name_series(const sp_report_model *model, bool only, sp_chart_series *series) {
    bool named = true;
    for (size_t m = 0; m < model->setup->methods; m++) {
        const char *method = model->setup->pipeline[m].method->name;
        const size_t size = strlen(model->name ? model->name : "") + strlen(method) + 4;
        char *name = malloc(size);
        named = named && name;
        if (name && only) {
            snprintf(name, size, "%s", method);
        } else if (name) {
            snprintf(name, size, "%s, %s", model->name, method);
        }
        series[m].name = name;
    }
    return named;
}

static sp_status draw(sp_error *err, const sp_report_model *model, size_t models, sp_chart *chart,
                      sp_chart_series *series, double *x, double *y, const char *path) {
    const size_t points = chart->points;
    const bool only = models == 1;
    bool named = true;
    size_t used = 0;
    for (size_t i = 0; i < points; i++) {
        x[i] = model->setup->budget[budget_at(model->setup, i, chart->flip)].value;
    }
    for (size_t f = 0; f < models; f++) {
        named = name_series(&model[f], only, series + used) && named;
        take_lines(&model[f], only, chart->flip, y + used * points);
        used += model[f].setup->methods;
    }
    for (size_t s = 0; s < used; s++) {
        series[s].y = y + s * points;
    }
    if (only && model->setup->attacker) {
        chart->ceiling = y + used * points;
        take_ceiling(model, chart->flip, y + used * points);
    }
    if (take_floor(model, only, chart->flip, y + (used + 1) * points)) {
        chart->floor = y + (used + 1) * points;
    }
    return named ? sp_chart_write(err, chart, path) : sp_fail(err, SP_E_MEMORY, "out of memory");
}

sp_status sp_report_comparison_chart(sp_error *err, const sp_report_model *model, size_t models,
                                     const char *path) {
    const sp_comparison_setup *setup = model->setup;
    const size_t points = setup->budgets;
    size_t lines = 0;
    char label[96];
    SP_TRY(sp_report_comparison_check_chart(err, setup));
    for (size_t f = 0; f < models; f++) {
        lines += model[f].setup->methods;
    }
    double *x = calloc(points * (lines + 3), sizeof *x);
    sp_chart_series *series = calloc(lines, sizeof *series);
    sp_status status = SP_E_MEMORY;
    if (x && series) {
        snprintf(label, sizeof label, "certified share of %zu clips, %%",
                 models == 1 ? model->totals->right : model->totals->heard);
        sp_chart chart = {.title = "Clips whose answer no noise within the budget changes",
                          .x_label = sp_report_comparison_axis(setup),
                          .y_label = label,
                          .points = points,
                          .x = x,
                          .flip = setup->budget[0].unit == SP_BUDGET_DB_SNR,
                          .count = lines,
                          .series = series,
                          .ceiling_name = "broken by the attack",
                          .floor_name = "below half a step"};
        status = draw(err, model, models, &chart, series, x, x + points, path);
    } else {
        sp_fail(err, status, "out of memory");
    }
    for (size_t s = 0; series && s < lines; s++) {
        free((char *)(uintptr_t)series[s].name);
    }
    free(series);
    free(x);
    return status;
}

/* ---- the spread of margins ---- */

static void take_boxes(const sp_report_model *model, size_t models, size_t wide,
                       sp_paired_spread *box) {
    size_t first = 0;
    for (size_t f = 0; f < models; f++) {
        const sp_comparison_setup *setup = model[f].setup;
        for (size_t i = 0; i < setup->budgets; i++) {
            for (size_t m = 0; m < setup->methods; m++) {
                box[i * wide + first + m] =
                    sp_report_statistics_spread(model[f].totals, setup->quiet_first[i], m);
            }
        }
        first += setup->methods;
    }
}

sp_status sp_report_comparison_spread_chart(sp_error *err, const sp_report_model *model,
                                            size_t models, const char *path) {
    const sp_comparison_setup *setup = model->setup;
    size_t wide = 0, used = 0;
    bool named = true;
    for (size_t f = 0; f < models; f++) {
        wide += model[f].setup->methods;
    }
    sp_chart_series *series = calloc(wide, sizeof *series);
    const char **name = calloc(wide + setup->budgets, sizeof *name);
    sp_paired_spread *box = calloc(wide * setup->budgets, sizeof *box);
    sp_status status = series && name && box ? SP_OK : SP_E_MEMORY;
    for (size_t f = 0; status == SP_OK && f < models; used += model[f++].setup->methods) {
        named = name_series(&model[f], models == 1, series + used) && named;
    }
    if (status == SP_OK && named) {
        for (size_t s = 0; s < wide; s++) {
            name[s] = series[s].name;
        }
        for (size_t i = 0; i < setup->budgets; i++) {
            name[wide + i] = setup->text[setup->quiet_first[i]];
        }
        take_boxes(model, models, wide, box);
        const sp_chart_boxes boxes = {.title =
                                          "Proved margins of the clips that are answered rightly",
                                      .x_label = "noise budget",
                                      .y_label = "least proved margin of a clip",
                                      .groups = setup->budgets,
                                      .group = name + wide,
                                      .count = wide,
                                      .series = name,
                                      .box = box};
        status = sp_chart_boxes_write(err, &boxes, path);
    } else {
        status = sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    for (size_t s = 0; series && s < wide; s++) {
        free((char *)(uintptr_t)series[s].name);
    }
    free(series);
    free(name);
    free(box);
    return status;
}
