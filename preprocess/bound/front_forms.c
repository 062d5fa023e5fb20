/* Prepares what the bounds of a front end need of it, once front_recognise.c knows its stages. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "preprocess/bound/impl.h"
#include "preprocess/impl.h"

/* Constants within these limits neither overflow nor lose digits in any bound. */
#define LARGEST 0x1p20
#define LEAST_FLOOR 0x1p-400

static bool all_within(const double *x, size_t n, double least, double most) {
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] >= least && x[i] <= most)) {
            return false;
        }
    }
    return true;
}

static sp_status check_constants(sp_error *err, const sp_front_forms *forms) {
    const sp_stage *spectrum = forms->spectrum, *mel = forms->mel, *dct = forms->dct;
    const bool floored = forms->floor != NULL || forms->kind != SP_BAND_LOG;
    const double added = floored ? 0.0 : LEAST_FLOOR;
    bool within = all_within(spectrum->matrix, spectrum->in * spectrum->out, -LARGEST, LARGEST) &&
                  all_within(spectrum->bias, spectrum->out, -LARGEST, LARGEST) &&
                  all_within(mel->matrix, mel->in * mel->out, 0.0, LARGEST) &&
                  all_within(mel->bias, mel->out, added, 0x1p400);
    within = within && (forms->floor == NULL ||
                        all_within(forms->floor->bias, mel->out, LEAST_FLOOR, 0x1p400));
    within =
        within && (dct == NULL || (all_within(dct->matrix, dct->in * dct->out, -LARGEST, LARGEST) &&
                                   all_within(dct->bias, dct->out, -LARGEST, LARGEST)));
    return within ? SP_OK
                  : sp_fail(err, SP_E_UNSUPPORTED,
                            "this front end has constants outside the range that bounds are made "
                            "for");
}

static bool row_is_zero(const sp_stage *spectrum, size_t k) {
    const double *row = spectrum->matrix + k * spectrum->in;
    return spectrum->bias[k] == 0.0 && all_within(row, spectrum->in, 0.0, 0.0);
}

// Counts the rows of every band (first pass, rows NULL) or writes them.
static size_t list_rows(sp_band *band, const sp_front_forms *forms, size_t m, const bool *zero) {
    const double *weight = forms->mel->matrix + m * forms->mel->in;
    size_t count = 0;
    for (size_t k = 0; k < forms->mel->in; k++) {
        if (weight[k] > 0.0 && !zero[k]) {
            if (band->row != NULL) {
                band->row[count] = k;
                band->weight[count] = weight[k];
            }
            count++;
        }
    }
    return count;
}

static sp_status take_bands(sp_error *err, sp_front_forms *forms, const bool *zero) {
    const size_t bands = forms->layout->bands, frame = forms->layout->used;
    const size_t diagonal = forms->rule == SP_FRONT_JOINT ? frame : 0;
    size_t total = 0;
    for (size_t m = 0; m < bands; m++) {
        sp_band *band = &forms->band[m];
        band->rows = list_rows(band, forms, m, zero);
        band->floor = forms->mel->bias[m];
        if (forms->floor != NULL) {
            const bool always = forms->floor->kind == SP_STAGE_AT_LEAST;
            *(always ? &band->least : &band->for_zero) = forms->floor->bias[m];
        }
        total += band->rows;
        forms->most_rows = band->rows > forms->most_rows ? band->rows : forms->most_rows;
    }
    forms->rows = calloc(total + 1, sizeof *forms->rows);
    forms->memory = calloc(total + bands * (diagonal + SP_FRONT_SETS) + 1, sizeof *forms->memory);
    if (forms->rows == NULL || forms->memory == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the forms of the front end");
    }
    size_t *row = forms->rows;
    double *at = forms->memory;
    for (size_t m = 0; m < bands; m++) {
        sp_band *band = &forms->band[m];
        band->row = row;
        band->weight = at;
        band->diagonal = diagonal > 0 ? at + band->rows : NULL;
        band->fact = at + band->rows + diagonal;
        (void)list_rows(band, forms, m, zero);
        row += band->rows;
        at += band->rows + diagonal + SP_FRONT_SETS;
    }
    return SP_OK;
}

typedef struct diagonal_work {
    sp_front_forms *forms;
    sp_status *status; /* [bands] */
    sp_error *error;   /* [bands] */
} diagonal_work;

static void diagonal_task(void *context, size_t m) {
    diagonal_work *work = context;
    if (work->forms->band[m].rows == 0) { // nothing reaches it
        return;
    }
    work->status[m] =
        sp_band_diagonal(&work->error[m], &work->forms->band[m], work->forms->spectrum);
    if (work->status[m] == SP_OK) {
        sp_front_facts(&work->forms->band[m], work->forms->spectrum);
    }
}

static sp_status take_diagonals(sp_error *err, sp_front_forms *forms) {
    const size_t bands = forms->layout->bands;
    diagonal_work work = {forms, calloc(bands, sizeof *work.status),
                          calloc(bands, sizeof *work.error)};
    sp_status status = SP_OK;
    if (work.status == NULL || work.error == NULL) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for the forms of the front end");
    } else {
        sp_pool_run(bands, 0, diagonal_task, &work);
        for (size_t m = 0; m < bands && status == SP_OK; m++) {
            status = work.status[m];
            if (status != SP_OK) {
                status = sp_fail(err, status, "band %zu: %.400s", m, work.error[m].text);
            }
        }
    }
    free(work.status);
    free(work.error);
    return status;
}

/* The diagonals of all bands, and that of their sum. */
static sp_status take_quadratic(sp_error *err, sp_front_forms *forms, const bool *zero) {
    const size_t bands = forms->layout->bands;
    sp_front_cache cache;
    sp_front_cache_open(&cache, forms);
    double *before = cache.found ? malloc(cache.count * sizeof *before) : NULL;
    if (before) {
        memcpy(before, cache.value, cache.count * sizeof *before);
    }
    for (size_t m = 0; m < bands; m++) {
        forms->band[m].kept = sp_front_cache_band(&cache, m);
    }
    forms->energy.kept = sp_front_cache_band(&cache, bands);
    sp_status status = take_diagonals(err, forms);
    if (status == SP_OK) {
        status = sp_front_energy(err, forms, zero);
    }
    for (size_t m = 0; m < bands; m++) {
        forms->band[m].kept = NULL;
    }
    forms->energy.kept = NULL;
    cache.changed = before && memcmp(before, cache.value, cache.count * sizeof *before) != 0;
    free(before);
    sp_front_cache_close(&cache, status == SP_OK);
    return status;
}

static sp_status fill(sp_error *err, sp_front_forms *forms) {
    SP_TRY(check_constants(err, forms));
    bool *zero = calloc(forms->spectrum->out, sizeof *zero);
    forms->band = calloc(forms->layout->bands, sizeof *forms->band);
    if (zero == NULL || forms->band == NULL) {
        free(zero);
        return sp_fail(err, SP_E_MEMORY, "out of memory for the forms of the front end");
    }
    for (size_t k = 0; k < forms->spectrum->out; k++) {
        zero[k] = row_is_zero(forms->spectrum, k);
    }
    sp_status status = take_bands(err, forms, zero);
    if (status == SP_OK && forms->rule == SP_FRONT_JOINT) {
        status = take_quadratic(err, forms, zero);
    }
    free(zero);
    return status;
}

sp_status sp_front_forms_of_graph(sp_error *err, sp_front_forms **forms, const sp_net *graph,
                                  size_t node, sp_front_rule rule) {
    *forms = NULL;
    sp_front_forms *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the forms of the front end");
    }
    made->rule = rule;
    sp_status status = sp_forms_recognise(err, made, graph, node);
    status = status == SP_OK ? fill(err, made) : status;
    if (status != SP_OK) {
        sp_front_forms_destroy(made);
        return status;
    }
    *forms = made;
    return SP_OK;
}

sp_status sp_front_forms_create(sp_error *err, sp_front_forms **forms, const sp_front *front,
                                sp_front_rule rule) {
    sp_net graph = {0};
    const sp_front *core = sp_front_core(front);
    *forms = NULL;
    if (front->sequence) {
        *forms = calloc(1, sizeof **forms);
        if (*forms == NULL) {
            return sp_fail(err, SP_E_MEMORY, "out of memory for the forms of the front end");
        }
        sp_forms_sequence(*forms, &front->layout);
        return SP_OK;
    }
    SP_TRY(sp_front_nodes(err, &graph, core));
    const sp_status status = sp_front_forms_of_graph(err, forms, &graph, graph.nodes - 1, rule);
    sp_net_clear(&graph);
    if (status == SP_OK) {
        (*forms)->node = 0;
        (*forms)->padding = core->description.padding;
        (*forms)->top = core->top;
        (*forms)->tops = core->description.bands;
        (*forms)->gain_peak = core->description.gain_peak;
    }
    return status;
}

/* The first layers hear the samples of a frame as taps. */
static sp_status hear_samples(sp_error *err, sp_net *graph, const sp_front_layout *layout) {
    const sp_timing timing = {.taps = layout->frame, .stride = layout->step, .dilation = 1};
    for (size_t n = 1; n < graph->nodes; n++) {
        sp_node *node = &graph->node[n];
        for (size_t i = 0; i < sp_node_inputs(node); i++) {
            if (sp_node_input(node, i) != 0) {
                continue;
            }
            const sp_timing *t = &node->term[node->kind == SP_NODE_AFFINE ? i : 0].timing;
            if (node->kind != SP_NODE_AFFINE || t->taps != 1 || t->stride != 1 || t->before != 0 ||
                t->after != 0) {
                return sp_fail(err, SP_E_UNSUPPORTED,
                               "the model hears frames of samples, but node %zu, which reads them, "
                               "is no linear map of each: no bounds",
                               n);
            }
            node->term[i].in = 1; // [out, 1, frame] is [out, frame, 1]
            node->term[i].timing = timing;
        }
    }
    graph->node[0].width = graph->features = 1;
    return SP_OK;
}

sp_status sp_front_forms_of_features(sp_error *err, sp_front_forms **forms, const sp_front *front,
                                     const sp_net *net, sp_front_rule rule) {
    sp_net graph = {0};
    *forms = NULL;
    SP_TRY(sp_net_copy(err, &graph, net));
    sp_status status = front->layout.frame > 1 ? hear_samples(err, &graph, &front->layout) : SP_OK;
    if (status == SP_OK) {
        status = sp_front_forms_of_graph(err, forms, &graph, SP_FRONT_ANY_NODE, rule);
    }
    if (status == SP_OK && front->description.padding.before > 0) {
        (*forms)->padding = front->description.padding;
    }
    sp_net_clear(&graph);
    return status;
}

size_t sp_forms_padded(const sp_front_forms *forms, size_t n) {
    return sp_padding_length(&forms->padding, n);
}

size_t sp_forms_frames(const sp_front_forms *forms, size_t n) {
    const size_t padded = sp_forms_padded(forms, n);
    return padded < forms->span ? 0 : (padded - forms->span) / forms->layout->step + 1;
}

void sp_front_forms_destroy(sp_front_forms *forms) {
    if (forms != NULL) {
        free(forms->band);
        free(forms->rows);
        free(forms->memory);
        free(forms->energy_rows);
        free(forms->energy_memory);
        free(forms->constants);
        free(forms);
    }
}
