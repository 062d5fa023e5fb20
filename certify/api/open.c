/* The installed interface: models, behind their front ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certify/api/impl.h"
#include "gpu/backend.h"

void soundproof_choice_start(soundproof_choice *choice, size_t size) {
    const soundproof_choice fresh = {.size = size, .steps_axis = SP_MODEL_AXIS_BY_FILE};
    memset(choice, 0, size);
    memcpy(choice, &fresh, size < sizeof fresh ? size : sizeof fresh);
    choice->size = size;
}

/* Cuts "NAME=VALUE" in copies, which `text` owns. */
static sp_status take_inputs(sp_error *err, sp_model_choice *chosen, sp_model_input **input,
                             char ***text, const char *const *given) {
    size_t count = 0;
    while (given && given[count]) {
        count++;
    }
    *input = calloc(count + 1, sizeof **input);
    *text = calloc(count + 1, sizeof **text);
    if (!*input || !*text) {
        return sp_fail(err, SP_E_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        const char *sign = strchr(given[i], '=');
        if (!sign || sign == given[i] || sign[1] == '\0') {
            return sp_fail(err, SP_E_ARGUMENT, "an input is NAME=VALUE, not '%.80s'", given[i]);
        }
        char *copy = malloc(strlen(given[i]) + 1);
        if (!copy) {
            return sp_fail(err, SP_E_MEMORY, "out of memory");
        }
        strcpy(copy, given[i]);
        copy[sign - given[i]] = '\0';
        (*text)[i] = copy;
        (*input)[i] = (sp_model_input){copy, copy + (sign - given[i]) + 1};
    }
    chosen->input = *input;
    chosen->inputs = count;
    return SP_OK;
}

static sp_status read_model(sp_error *err, sp_model *model, const char *path,
                            const soundproof_choice *choice) {
    sp_model_choice chosen = {.steps_axis = SP_MODEL_AXIS_BY_FILE};
    soundproof_choice whole;
    sp_model_input *input = NULL;
    char **text = NULL;
    soundproof_choice_start(&whole, sizeof whole);
    if (choice && (choice->size < sizeof choice->size || choice->size > 4096)) {
        return sp_fail(err, SP_E_ARGUMENT, "the choice was not begun by soundproof_choice_init");
    }
    if (choice) {
        memcpy(&whole, choice, choice->size < sizeof whole ? choice->size : sizeof whole);
    }
    chosen.output = whole.output;
    chosen.steps_axis = whole.steps_axis;
    sp_status status = take_inputs(err, &chosen, &input, &text, whole.inputs);
    if (status == SP_OK) {
        status = sp_model_open(err, model, path, &chosen);
    }
    for (size_t i = 0; text && text[i]; i++) {
        free(text[i]);
    }
    free(text);
    free(input);
    return status;
}

static sp_status read_front(sp_error *err, soundproof *system, const char *model,
                            const char *front) {
    if (front) {
        return sp_front_read(err, &system->front, front);
    }
    if (!system->model.front) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "%s: carries no front-end description: pass the path of one", model);
    }
    return sp_front_parse(err, &system->front, system->model.front, strlen(system->model.front),
                          model);
}

static sp_status open_parts(sp_error *err, soundproof *system, const char *model, const char *front,
                            const char *method, const soundproof_choice *choice) {
    const sp_method *row = sp_method_find(method ? method : "exact");
    if (!row) {
        return sp_fail(err, SP_E_ARGUMENT, "there is no method '%s'", method);
    }
    SP_TRY(read_model(err, &system->model, model, choice));
    SP_TRY(read_front(err, system, model, front));
    return sp_pipeline_init(err, &system->pipeline, &system->model.net, system->front, row,
                            row->front);
}

soundproof *soundproof_open_as(const char *model, const char *front, const char *method,
                               const soundproof_choice *choice) {
    sp_api_begin();
    soundproof *system = calloc(1, sizeof *system);
    if (!system || !model) {
        free(system);
        sp_fail(sp_api_error(), model ? SP_E_MEMORY : SP_E_ARGUMENT,
                model ? "out of memory" : "no model was named");
        return NULL;
    }
    sp_gpu_init();
    if (open_parts(sp_api_error(), system, model, front, method, choice) != SP_OK) {
        soundproof_close(system);
        return NULL;
    }
    return system;
}

soundproof *soundproof_open(const char *model, const char *front, const char *method) {
    return soundproof_open_as(model, front, method, NULL);
}

void soundproof_close(soundproof *system) {
    if (system) {
        sp_pipeline_clear(&system->pipeline);
        sp_front_destroy(system->front);
        sp_model_clear(&system->model);
        free(system);
    }
}
