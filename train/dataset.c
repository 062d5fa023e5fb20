/* The clips of a manifest in memory, and their checksum. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/pool.h"
#include "train/impl.h"

enum { MOST_CLASSES = 1024, DRAWN = 10 }; /* one in DRAWN is drawn for validation */

typedef struct reading {
    const sp_manifest_entry **entry; /* [of all manifests] */
    const sp_front *front;
    sp_clip_options options;
    sp_dataset *data;
    sp_error *err; /* [count] */
} reading;

static void read_one(void *context, size_t i) {
    const reading *r = context;
    const sp_manifest_entry *entry = r->entry[i];
    sp_dataset_clip *clip = &r->data->clip[i];
    clip->label = (size_t)entry->label;
    clip->split = entry->split == SP_SPLIT_NONE ? SP_SPLIT_TRAIN : entry->split;
    if (entry->label >= MOST_CLASSES) {
        sp_fail(&r->err[i], SP_E_UNSUPPORTED, "%s: label %ld: labels below %d can be trained",
                entry->given, entry->label, MOST_CLASSES);
        return;
    }
    if (sp_clip_read(&r->err[i], &clip->clip, entry->resolved, &r->options) != SP_OK) {
        return;
    }
    if (sp_front_frames(r->front, clip->clip.n) == 0) {
        sp_fail(&r->err[i], SP_E_MISMATCH,
                "%s: %zu samples are less than one frame of the front end", entry->given,
                clip->clip.n);
    }
}

static void draw_validation(sp_dataset *data) {
    for (size_t i = 0; i < data->count; i++) {
        sp_random random = sp_train_stream(0, SP_TRAIN_STREAM_SPLIT, data->clip[i].number, 0);
        if (data->clip[i].split == SP_SPLIT_TRAIN && sp_random_next(&random) % DRAWN == 0) {
            data->clip[i].split = SP_SPLIT_VALIDATION;
        }
    }
    data->drawn = true;
}

static void count_splits(sp_dataset *data) {
    size_t number = 0;
    memset(data->split, 0, sizeof data->split);
    for (size_t i = 0; i < data->count; i++) {
        data->clip[i].number = number;
        number += data->clip[i].split != SP_SPLIT_TEST;
        data->split[data->clip[i].split]++;
        const size_t label = data->clip[i].label;
        data->classes = label + 1 > data->classes ? label + 1 : data->classes;
    }
}

static sp_status take_digest(sp_dataset *data, const sp_front_layout *layout) {
    sp_digest *digest = sp_digest_create();
    sp_digest_number(digest, (uint64_t)layout->sample_rate);
    sp_digest_real(digest, layout->full_scale);
    for (size_t i = 0; i < data->count; i++) {
        const sp_dataset_clip *clip = &data->clip[i];
        if (clip->split == SP_SPLIT_TEST) {
            continue;
        }
        sp_digest_number(digest, clip->label);
        sp_digest_number(digest, (uint64_t)clip->split);
        sp_digest_number(digest, clip->clip.n);
        for (size_t j = 0; j < clip->clip.n; j++) {
            sp_digest_real(digest, clip->clip.samples[j]);
        }
    }
    return sp_digest_finish(digest, data->digest);
}

static sp_status read_clips(sp_error *err, reading *r, size_t count) {
    sp_dataset *data = r->data;
    data->clip = calloc(count, sizeof *data->clip);
    r->err = calloc(count, sizeof *r->err);
    sp_status status = SP_E_MEMORY;
    if (data->clip && r->err) {
        data->count = count;
        sp_pool_run(count, 0, read_one, r);
        status = SP_OK;
        for (size_t i = 0; i < count && status == SP_OK; i++) {
            status = r->err[i].code == SP_OK ? SP_OK
                                             : sp_fail(err, r->err[i].code, "%s", r->err[i].text);
        }
    } else {
        sp_fail(err, status, "no memory for %zu clips", count);
    }
    free(r->err);
    return status;
}

/* The entries of all manifests in a row. */
static sp_status read_entries(sp_error *err, reading *r, const sp_manifest *manifest,
                              size_t manifests) {
    size_t count = 0, used = 0;
    for (size_t k = 0; k < manifests; k++) {
        count += manifest[k].count;
    }
    r->entry = calloc(count, sizeof(sp_manifest_entry *));
    if (!r->entry) {
        return sp_fail(err, SP_E_MEMORY, "no memory for %zu clips", count);
    }
    for (size_t k = 0; k < manifests; k++) {
        for (size_t i = 0; i < manifest[k].count; i++) {
            r->entry[used++] = &manifest[k].entry[i];
        }
    }
    const sp_status status = read_clips(err, r, count);
    free(r->entry);
    return status;
}

static sp_status read_manifests(sp_error *err, reading *r, const char *const *path,
                                size_t manifests) {
    sp_manifest *manifest = calloc(manifests, sizeof *manifest);
    sp_status status =
        manifest ? SP_OK : sp_fail(err, SP_E_MEMORY, "no memory for %zu manifests", manifests);
    for (size_t k = 0; k < manifests && status == SP_OK; k++) {
        status = sp_manifest_read(err, &manifest[k], path[k]);
    }
    status = status == SP_OK ? read_entries(err, r, manifest, manifests) : status;
    for (size_t k = 0; manifest && k < manifests; k++) {
        sp_manifest_clear(&manifest[k]);
    }
    free(manifest);
    return status;
}

static sp_status fill(sp_error *err, sp_dataset *data, const char *const *manifest,
                      size_t manifests, const sp_front *front, const sp_clip_options *options) {
    const sp_front_layout *layout = sp_front_layout_of(front);
    reading r = {.front = front, .options = *options, .data = data};
    r.options.rate = layout->sample_rate;
    r.options.full_scale = layout->full_scale;
    r.options.width = sp_front_width(front);
    SP_TRY(read_manifests(err, &r, manifest, manifests));
    count_splits(data);
    if (data->split[SP_SPLIT_VALIDATION] == 0) {
        draw_validation(data);
        count_splits(data);
    }
    if (data->split[SP_SPLIT_TRAIN] == 0 || data->split[SP_SPLIT_VALIDATION] == 0) {
        return sp_fail(err, SP_E_MISMATCH,
                       "%s%s: %zu clips for training and %zu for validation are too few: at least "
                       "one of each is needed, and the third column of a manifest says which are "
                       "which",
                       manifest[0], manifests > 1 ? " and others" : "", data->split[SP_SPLIT_TRAIN],
                       data->split[SP_SPLIT_VALIDATION]);
    }
    if (data->classes < 2) {
        return sp_fail(err, SP_E_MISMATCH, "all clips have label 0: there is nothing to learn");
    }
    return take_digest(data, layout) == SP_OK ? SP_OK
                                              : sp_fail(err, SP_E_MEMORY, "no memory for a sum");
}

sp_status sp_dataset_read(sp_error *err, sp_dataset *data, const char *const *manifest,
                          size_t manifests, const sp_front *front, const sp_clip_options *options) {
    *data = (sp_dataset){0};
    const sp_status status = fill(err, data, manifest, manifests, front, options);
    if (status != SP_OK) {
        sp_dataset_clear(data);
    }
    return status;
}

void sp_dataset_clear(sp_dataset *data) {
    for (size_t i = 0; i < data->count; i++) {
        sp_clip_clear(&data->clip[i].clip);
    }
    free(data->clip);
    *data = (sp_dataset){0};
}

/* ---- how many are right ---- */

typedef struct hearing {
    const sp_dataset *data;
    sp_split split;
    const sp_net *net;
    const sp_front *front;
    bool *right;
    sp_error *err; /* [count] */
} hearing;

static void hear(void *context, size_t i) {
    const hearing *h = context;
    const sp_dataset_clip *clip = &h->data->clip[i];
    const size_t frames = sp_front_frames(h->front, clip->clip.n);
    if (clip->split != h->split) {
        return;
    }
    bool tie = false;
    double *logits = calloc(h->net->classes, sizeof *logits);
    double *features = calloc(frames * h->net->features, sizeof *features);
    if (!logits || !features) {
        sp_fail(&h->err[i], SP_E_MEMORY, "no memory for clip %zu", i);
    } else if (sp_front_run(&h->err[i], h->front, features, clip->clip.samples, clip->clip.n) ==
                   SP_OK &&
               sp_net_run(&h->err[i], h->net, logits, features, frames) == SP_OK) {
        h->right[i] = sp_prediction(logits, h->net->classes, &tie) == clip->label && !tie;
    }
    free(logits);
    free(features);
}

sp_status sp_dataset_accuracy(sp_error *err, double *accuracy, const sp_dataset *data,
                              sp_split split, const sp_net *net, const sp_front *front) {
    hearing h = {data,
                 split,
                 net,
                 front,
                 calloc(data->count, sizeof(bool)),
                 calloc(data->count, sizeof(sp_error))};
    sp_status status = SP_OK;
    size_t right = 0;
    *accuracy = NAN;
    if (!h.right || !h.err) {
        status = sp_fail(err, SP_E_MEMORY, "no memory for %zu clips", data->count);
    } else {
        sp_pool_run(data->count, 0, hear, &h);
    }
    for (size_t i = 0; i < data->count && status == SP_OK; i++) {
        right += h.right[i];
        status = h.err[i].code == SP_OK ? SP_OK : sp_fail(err, h.err[i].code, "%s", h.err[i].text);
    }
    if (status == SP_OK && data->split[split] > 0) {
        *accuracy = (double)right / (double)data->split[split];
    }
    free(h.right);
    free(h.err);
    return status;
}
