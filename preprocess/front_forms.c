/* Recognises a front end of the kind affine - square - affine with weights >= 0 - floor - log -
 * linear, the floor and the last map being optional, and prepares what its bounds need of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "preprocess/front_bound_impl.h"

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

static sp_status recognise(sp_error *err, sp_front_forms *forms) {
    size_t count = 0;
    const sp_stage *s = sp_front_stages(forms->front, &count);
    const bool power = count >= 4 && s[0].kind == SP_STAGE_AFFINE && s[1].kind == SP_STAGE_SQUARE &&
                       s[2].kind == SP_STAGE_AFFINE;
    const bool floored =
        power && (s[3].kind == SP_STAGE_AT_LEAST || s[3].kind == SP_STAGE_FOR_ZERO);
    const size_t logs = floored ? 4 : 3, dct = logs + 1;
    if (!power || count <= logs || s[logs].kind != SP_STAGE_LOG || count > dct + 1 ||
        (count > dct && s[dct].kind != SP_STAGE_AFFINE)) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "this front end is not spectrum, power, mel energies, logarithm: no bounds");
    }
    const double added = floored ? 0.0 : LEAST_FLOOR;
    bool within = all_within(s[0].matrix, s[0].in * s[0].out, -LARGEST, LARGEST) &&
                  all_within(s[0].bias, s[0].out, -LARGEST, LARGEST) &&
                  all_within(s[2].matrix, s[2].in * s[2].out, 0.0, LARGEST) &&
                  all_within(s[2].bias, s[2].out, added, 0x1p400);
    within = within && (!floored || all_within(s[3].bias, s[3].out, LEAST_FLOOR, 0x1p400));
    within = within && (count <= dct ||
                        (all_within(s[dct].matrix, s[dct].in * s[dct].out, -LARGEST, LARGEST) &&
                         all_within(s[dct].bias, s[dct].out, -LARGEST, LARGEST)));
    if (!within) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "this front end has constants outside the range that bounds are made for");
    }
    forms->spectrum = &s[0];
    forms->mel = &s[2];
    forms->floor = floored ? &s[3] : NULL;
    forms->dct = count > dct ? &s[dct] : NULL;
    return SP_OK;
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
    forms->memory = calloc(total + bands * diagonal + 1, sizeof *forms->memory);
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
        (void)list_rows(band, forms, m, zero);
        row += band->rows;
        at += band->rows + diagonal;
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
    work->status[m] =
        sp_band_diagonal(&work->error[m], &work->forms->band[m], work->forms->spectrum);
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

static sp_status fill(sp_error *err, sp_front_forms *forms) {
    SP_TRY(recognise(err, forms));
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
        status = take_diagonals(err, forms);
    }
    if (status == SP_OK && forms->rule == SP_FRONT_JOINT) {
        status = sp_front_energy(err, forms, zero);
    }
    free(zero);
    return status;
}

sp_status sp_front_forms_create(sp_error *err, sp_front_forms **forms, const sp_front *front,
                                sp_front_rule rule) {
    *forms = NULL;
    sp_front_forms *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for the forms of the front end");
    }
    made->rule = rule;
    made->front = front;
    made->layout = sp_front_layout_of(front);
    const sp_status status = fill(err, made);
    if (status != SP_OK) {
        sp_front_forms_destroy(made);
        return status;
    }
    *forms = made;
    return SP_OK;
}

void sp_front_forms_destroy(sp_front_forms *forms) {
    if (forms != NULL) {
        free(forms->band);
        free(forms->rows);
        free(forms->memory);
        free(forms->energy_rows);
        free(forms->energy_memory);
        free(forms);
    }
}
