/* What the benchmark runs on: FSDD's network and clips, or random ones of the same shape. */
#include "cli/bench/bench.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

/* The front end of the FSDD network (examples/fronts/fsdd.json). */
static const char fsdd_front[] =
    "{\"sample_rate\": 8000, \"scale\": \"int16\","
    " \"pad\": {\"rule\": \"append one step of zeros unless the length is a multiple of the "
    "step\"},"
    " \"frame\": 256, \"step\": 200,"
    " \"preemphasis\": {\"coefficient\": 0.97, \"where\": \"inside each frame\"},"
    " \"window\": \"hamming-periodic\", \"fft\": 256, \"power_norm\": \"1/N\","
    " \"mel\": {\"bands\": 10, \"low_hz\": 0, \"high_hz\": 4000,"
    " \"formula\": \"2595*log10(1+f/700)\", \"rounding\": \"floor((N+1)*hz/rate)\"},"
    " \"floor\": {\"add\": 1e-10}, \"log\": \"natural\"}";

static sp_status add_random(sp_error *err, sp_net *net, bool lstm, size_t in, size_t out,
                            sp_random *random) {
    const size_t rows = lstm ? 4 * out : out;
    const size_t count = rows * (in + (lstm ? out : 0) + 1);
    double *weight = malloc(count * sizeof *weight); // W, R and b
    if (!weight) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for a random network");
    }
    const double scale = 0.15 * sqrt(64.0 / (double)(in + out));
    for (size_t i = 0; i < count; i++) {
        weight[i] = scale * sp_random_sign(random);
    }
    const sp_status status = lstm ? sp_net_add_lstm(err, net, out, weight, weight + rows * in,
                                                    weight + rows * (in + out))
                                  : sp_net_add_affine(err, net, out, weight, weight + in * out);
    free(weight);
    return status;
}

static sp_status add_layers(sp_error *err, sp_net *net, size_t hidden) {
    sp_random random = {3};
    SP_TRY(add_random(err, net, false, 10, 40, &random));
    SP_TRY(sp_net_add_relu(err, net));
    SP_TRY(add_random(err, net, true, 40, hidden, &random));
    SP_TRY(add_random(err, net, true, hidden, hidden, &random));
    SP_TRY(sp_net_add_pool(err, net, SP_POOLING_LAST));
    return add_random(err, net, false, hidden, 10, &random);
}

sp_status bench_case_net(sp_error *err, sp_net *net, size_t hidden) {
    SP_TRY(sp_net_init(err, net, 10));
    const sp_status status = add_layers(err, net, hidden);
    if (status != SP_OK) {
        sp_net_clear(net);
    }
    return status;
}

static char *join(const char *folder, const char *name) {
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path) {
        snprintf(path, size, "%s/%s", folder, name);
    }
    return path;
}

static bool readable(const char *path) {
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (file) {
        fclose(file);
    }
    return file != NULL;
}

static sp_status open_random(sp_error *err, bench_case *c) {
    SP_TRY(bench_case_net(err, &c->random, 32)); // the shape of the FSDD network
    c->net = &c->random;
    return sp_front_parse(err, &c->front, fsdd_front, sizeof fsdd_front - 1, "built-in front end");
}

/* --model and --front, or those of --data where they are absent. */
static int open_named(bench_case *c, const cli_options *options, char *model, char *front) {
    cli_options named = *options;
    cli_model_files source;
    named.model = options->model ? options->model : model;
    named.front = options->front || options->model ? options->front : front;
    const int code = cli_model_files_open(&source, options->command, &named, false);
    if (code < 0) {
        c->model = source.model;
        c->front = source.front;
        c->with_model = true;
        c->net = &c->model.net;
        c->model_file = strdup(named.model);
        c->front_file = named.front ? strdup(named.front) : NULL;
    }
    return code;
}

int bench_case_open(bench_case *c, const cli_options *options) {
    int code = -1;
    const char *data = options->own[BENCH_DATA];
    *c = (bench_case){0};
    if (data && !readable(data)) {
        return cli_usage(options->command, "--data %s: there is no such folder", data);
    }
    char *model = data ? join(data, "models/fsdd.onnx") : NULL;
    char *front = data ? join(data, "fsdd-front.json") : NULL;
    if (options->model || readable(model)) {
        code = open_named(c, options, model, front);
    } else {
        sp_error err = {0};
        if (open_random(&err, c) != SP_OK) {
            cli_complain("%s", err.text);
            code = CLI_INPUT;
        }
    }
    c->clips = data ? join(data, "fsdd") : NULL;
    free(model);
    free(front);
    if (code >= 0) {
        bench_case_clear(c);
    }
    return code;
}

void bench_case_clear(bench_case *c) {
    if (c->with_model) {
        sp_model_clear(&c->model);
    } else {
        sp_net_clear(&c->random);
    }
    sp_front_destroy(c->front);
    free(c->clips);
    free(c->model_file);
    free(c->front_file);
    *c = (bench_case){0};
}

static int is_wav(const struct dirent *entry) {
    const size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".wav") == 0;
}

static bool read_clip(sp_clip *clip, const bench_case *c, const char *name) {
    const sp_front_layout *layout = sp_front_layout_of(c->front);
    const sp_clip_options wanted = {.rate = layout->sample_rate, .full_scale = layout->full_scale};
    char *path = join(c->clips, name);
    const bool read = path && sp_clip_read(NULL, clip, path, &wanted) == SP_OK;
    free(path);
    return read;
}

bool bench_case_find(sp_clip *clip, char name[64], const bench_case *c, size_t frames) {
    struct dirent **entry = NULL;
    bool found = false;
    const int count = c->clips ? scandir(c->clips, &entry, is_wav, alphasort) : -1;
    for (int i = 0; i < count; i++) {
        if (!found && read_clip(clip, c, entry[i]->d_name)) {
            found = sp_front_frames(c->front, clip->n) == frames;
            snprintf(name, 64, "%.60s", entry[i]->d_name);
            if (!found) {
                sp_clip_clear(clip);
            }
        }
        free(entry[i]);
    }
    free(entry);
    return found;
}

static sp_status make_noise(sp_error *err, sp_clip *clip, const bench_case *c, size_t frames) {
    const sp_front_layout *layout = sp_front_layout_of(c->front);
    sp_random random = {frames};
    size_t n = layout->frame;
    while (sp_front_frames(c->front, n) < frames) {
        n++;
    }
    double *samples = malloc(n * sizeof *samples);
    if (!samples) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu samples", n);
    }
    for (size_t i = 0; i < n; i++) {
        samples[i] = 0.25 * layout->full_scale * sp_random_sign(&random);
    }
    const sp_status status = sp_clip_init(err, clip, samples, n, layout->sample_rate,
                                          layout->full_scale, layout->full_scale / 32768.0);
    free(samples);
    return status;
}

sp_status bench_case_clip(sp_error *err, sp_clip *clip, char name[64], const bench_case *c,
                          size_t frames) {
    if (bench_case_find(clip, name, c, frames)) {
        return SP_OK;
    }
    snprintf(name, 64, "white noise");
    return make_noise(err, clip, c, frames);
}

/* As many of the files, evenly spread, as there are. */
static size_t read_clips(sp_clip *clip, size_t count, const bench_case *c) {
    struct dirent **entry = NULL;
    size_t taken = 0;
    const int found = c->clips ? scandir(c->clips, &entry, is_wav, alphasort) : -1;
    const size_t files = found > 0 ? (size_t)found : 0, step = files / count;
    for (size_t i = 0; i < files; i++) {
        if (taken < count && (step == 0 || i % step == 0)) {
            taken += read_clip(&clip[taken], c, entry[i]->d_name);
        }
        free(entry[i]);
    }
    free(entry);
    return taken;
}

sp_status bench_case_clips(sp_error *err, sp_clip *clip, size_t count, const bench_case *c) {
    for (size_t i = read_clips(clip, count, c); i < count; i++) {
        SP_TRY(make_noise(err, &clip[i], c, 8 + i * 5 % 17));
    }
    return SP_OK;
}
