/* Networks with planted counterexamples: boxes around random inputs are learned against attacks,
 * then a unit is made for each of them that turns the answer near one corner. Source:
 * [SoundnessBench], whose networks learn their counterexamples, too; that takes wider ones. */
#include <stdlib.h>
#include <string.h>

#include "train/plant/plant.h"

static void draw_centre(const sp_train_planting *w, size_t number) {
    sp_random random = sp_train_stream(w->plant->seed, SP_TRAIN_STREAM_PLANT, number, 0);
    sp_planted_instance *to = &w->planted->instance[number];
    const size_t classes = w->net->classes;
    to->label = (size_t)(sp_random_next(&random) % classes);
    to->target = (to->label + 1 + (size_t)(sp_random_next(&random) % (classes - 1))) % classes;
    for (size_t k = 0; k < w->n; k++) {
        to->centre[k] = (double)(float)sp_random_sign(&random);
    }
}

static sp_status draw(sp_error *err, sp_train_planting *w) {
    const size_t N = w->plant->instances, n = w->n;
    sp_planted *p = w->planted;
    p->instance = calloc(N, sizeof *p->instance);
    p->memory = calloc(2 * N * n, sizeof *p->memory);
    if (!p->instance || !p->memory) {
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu instances", N);
    }
    p->instances = N;
    for (size_t i = 0; i < N; i++) {
        p->instance[i].centre = p->memory + 2 * i * n;
        p->instance[i].input = p->instance[i].centre + n;
        draw_centre(w, i);
    }
    return SP_OK;
}

static sp_status open(sp_error *err, sp_train_planting *w) {
    const size_t N = w->plant->instances;
    SP_TRY(sp_train_packed_batch_check(err, w->net));
    SP_TRY(draw(err, w));
    sp_train_plant_reserve(w);
    w->block = calloc(SP_TRAIN_BLOCKS * w->net->nodes, sizeof *w->block);
    w->kept = calloc(SP_TRAIN_PLANT_KEPT * N * w->n, sizeof *w->kept);
    w->hard = calloc(SP_TRAIN_PLANT_KEPT * N, sizeof *w->hard);
    w->found = calloc(N, sizeof *w->found);
    if (!w->block || !w->kept || !w->hard || !w->found) {
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu instances", N);
    }
    for (size_t s = 0; s < SP_TRAIN_PLANT_KEPT * N; s++) {
        memcpy(w->kept + s * w->n, w->planted->instance[s % N].centre, w->n * sizeof *w->kept);
    }
    w->blocks = sp_train_blocks_of(w->block, w->net);
    const size_t P = w->parameters = sp_train_parameters(w->net);
    w->memory = calloc(4 * P + 1, sizeof *w->memory);
    if (!w->memory) {
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu parameters", P);
    }
    w->parameter = w->memory;
    w->gradient = w->parameter + P;
    w->adam = (sp_train_adam){0, w->gradient + P, w->gradient + 2 * P};
    sp_train_load(w->parameter, w->net);
    SP_TRY(sp_train_runner_open(err, &w->learn, w, (SP_TRAIN_PLANT_KEPT + 1) * N));
    SP_TRY(sp_train_runner_open(err, &w->attack, w, SP_TRAIN_PLANT_STARTS * N));
    return sp_train_runner_open(err, &w->judge, w, SP_TRAIN_PLANT_JUDGES * N);
}

static sp_status check(sp_error *err, const sp_plant *plant, const sp_net *net) {
    if (net->classes < 2) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "a counterexample is another label: the last layer needs two outputs");
    }
    const size_t last = net->nodes - 1;
    if (net->nodes < 5 || net->node[last].kind != SP_NODE_AFFINE ||
        net->node[last - 1].kind != SP_NODE_CURVE || net->node[last - 2].kind != SP_NODE_AFFINE ||
        net->node[last - 1].width < 2 * plant->instances) {
        return sp_fail(err, SP_E_UNSUPPORTED,
                       "planting needs dense, relu and dense as the last layers, the first of them "
                       "with twice as many outputs as there are instances, %zu",
                       2 * plant->instances);
    }
    if (plant->instances == 0 || plant->steps == 0 || plant->epochs == 0) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "planting takes one instance, one step and one epoch at least");
    }
    if (!(plant->radius > 0.0 && plant->radius <= 1e3 && plant->depth > 0.0 &&
          plant->depth <= 1e3 && plant->rate > 0.0 && plant->rate <= 1.0)) {
        return sp_fail(err, SP_E_ARGUMENT,
                       "radius and depth are above 0 and at most 1000, the rate at most 1");
    }
    return SP_OK;
}

void sp_plant_standard(sp_plant *plant) {
    *plant = (sp_plant){.seed = 1,
                        .instances = 5,
                        .steps = 4,
                        .radius = 0.2,
                        .depth = 0.01,
                        .epochs = 3000,
                        .rate = 0.005};
}

sp_status sp_plant_run(sp_error *err, sp_planted *planted, const sp_net *net,
                       const sp_plant *plant) {
    sp_train_planting w = {.plant = plant, .planted = planted, .net = net};
    *planted = (sp_planted){0};
    SP_TRY(check(err, plant, net));
    w.n = plant->steps * net->features;
    sp_status status = open(err, &w);
    status = status == SP_OK ? sp_train_plant_learn(err, &w) : status;
    status = status == SP_OK ? sp_train_plant_units(err, &w) : status;
    sp_train_runner_close(&w.learn);
    sp_train_runner_close(&w.attack);
    sp_train_runner_close(&w.judge);
    free(w.block);
    free(w.kept);
    free(w.hard);
    free(w.found);
    free(w.memory);
    if (status != SP_OK) {
        sp_planted_clear(planted);
    }
    return status;
}

void sp_planted_clear(sp_planted *planted) {
    free(planted->instance);
    free(planted->memory);
    *planted = (sp_planted){0};
}
