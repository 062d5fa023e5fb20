/* Checkpoints: the whole state of a training in one file, with a checksum of its own.
 * Text lines "soundproof checkpoint 2", the fingerprint and the sum of what follows; then numbers
 * of eight bytes in the order of this machine: epochs, steps, best epoch, curve, parameters,
 * their average, Adam's two moments, best parameters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "train/impl.h"

static const char magic[] = "soundproof checkpoint 2";
enum { POINT = 6 };                              /* numbers of one epoch */
#define HEAD (sizeof magic + 2 * SP_DIGEST_TEXT) /* bytes: three lines */

/* ---- what a checkpoint belongs to ---- */

static void add_recipe(sp_digest *digest, const sp_recipe *r) {
    const uint64_t wholes[] = {r->seed,         r->epochs, r->batch,
                               r->patience,     r->shift,  (uint64_t)r->defence,
                               r->attack_steps, r->warm,   r->ramp};
    const double reals[] = {r->rate,     r->decay,         r->clip,      r->gain_db,
                            r->noise_db, r->noise_span_db, r->budget_db, r->box,
                            r->weight,   r->box_weight,    r->average};
    const uint64_t bounds[] = {(uint64_t)r->certifier, r->box_ramp};
    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++) {
        sp_digest_number(digest, wholes[i]);
    }
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        sp_digest_real(digest, reals[i]);
    }
    // not of intervals in boxes of one size, so that older checkpoints go on
    for (size_t i = 0; (bounds[0] > 0 || bounds[1] > 0) && i < 2; i++) {
        sp_digest_number(digest, bounds[i]);
    }
}

sp_status sp_training_fingerprint(sp_error *err, const sp_training *training, char *text) {
    sp_digest *digest = sp_digest_create();
    sp_digest_add(digest, training->data->digest, sizeof training->data->digest);
    sp_digest_add(digest, training->begin, sizeof training->begin);
    add_recipe(digest, &training->recipe);
    for (size_t n = 0; n < training->net.nodes; n++) {
        const sp_node *node = &training->net.node[n];
        sp_digest_number(digest, (uint64_t)node->kind);
        sp_digest_number(digest, (uint64_t)node->cell.kind);
        sp_digest_number(digest, (uint64_t)node->cell.candidate.kind);
        sp_digest_number(digest, node->width);
    }
    for (size_t m = 0; m < training->net.features; m++) { // a function of data and front end
        sp_digest_real(digest, training->mean[m]);
        sp_digest_real(digest, training->deviation[m]);
    }
    return sp_digest_finish(digest, text) == SP_OK
               ? SP_OK
               : sp_fail(err, SP_E_MEMORY, "no memory for a checksum");
}

static sp_status sum_of(sp_error *err, char *text, const void *data, size_t size) {
    sp_digest *digest = sp_digest_create();
    sp_digest_add(digest, data, size);
    return sp_digest_finish(digest, text) == SP_OK
               ? SP_OK
               : sp_fail(err, SP_E_MEMORY, "no memory for a checksum");
}

/* ---- numbers in a row ---- */

/* Copies between the training and the file, one way or the other. */
typedef struct tape_head {
    char *at;
    bool writing;
} tape_head;

static void copy(tape_head *tape, void *value, size_t size) {
    if (tape->writing) {
        memcpy(tape->at, value, size);
    } else {
        memcpy(value, tape->at, size);
    }
    tape->at += size;
}

static void copy_whole(tape_head *tape, size_t *value) {
    uint64_t number = *value;
    copy(tape, &number, sizeof number);
    *value = (size_t)number;
}

static void copy_point(tape_head *tape, sp_training_point *point) {
    size_t best = point->best;
    copy_whole(tape, &point->number);
    copy(tape, &point->loss, sizeof point->loss);
    copy(tape, &point->check_loss, sizeof point->check_loss);
    copy(tape, &point->accuracy, sizeof point->accuracy);
    copy(tape, &point->robust, sizeof point->robust);
    copy_whole(tape, &best);
    point->best = best != 0;
}

/* `epochs` were read or are to be written. */
static void copy_all(tape_head *tape, sp_training *t) {
    const size_t bytes = t->parameters * sizeof(double);
    copy_whole(tape, &t->epochs);
    copy(tape, &t->adam.steps, sizeof t->adam.steps);
    copy_whole(tape, &t->best_epoch);
    for (size_t e = 0; e < t->epochs; e++) {
        copy_point(tape, &t->curve[e]);
    }
    copy(tape, t->parameter, bytes);
    copy(tape, t->average, bytes);
    copy(tape, t->adam.mean, bytes);
    copy(tape, t->adam.square, bytes);
    copy(tape, t->best, bytes);
}

static size_t body_size(const sp_training *t, size_t epochs) {
    return 8 * (3 + POINT * epochs + 5 * t->parameters);
}

sp_status sp_training_save(sp_error *err, const sp_training *training, const char *path) {
    const size_t body = body_size(training, training->epochs);
    char fingerprint[SP_DIGEST_TEXT], sum[SP_DIGEST_TEXT];
    char *data = malloc(HEAD + body);
    if (!data) {
        return sp_fail(err, SP_E_MEMORY, "no memory for a checkpoint");
    }
    sp_training view = *training; // writing changes nothing
    tape_head out = {data + HEAD, true};
    copy_all(&out, &view);
    sp_status status = sp_training_fingerprint(err, training, fingerprint);
    status = status == SP_OK ? sum_of(err, sum, data + HEAD, body) : status;
    if (status == SP_OK) {
        char head[HEAD + 1];
        snprintf(head, sizeof head, "%s\n%s\n%s\n", magic, fingerprint, sum);
        memcpy(data, head, HEAD);
        status = sp_file_replace(err, path, data, HEAD + body);
    }
    free(data);
    return status;
}

static sp_status check(sp_error *err, const sp_training *training, char *data, size_t size) {
    char fingerprint[SP_DIGEST_TEXT], sum[SP_DIGEST_TEXT];
    uint64_t epochs = 0;
    if (size < HEAD + 8 || memcmp(data, magic, sizeof magic - 1) != 0) {
        return sp_fail(err, SP_E_FORMAT, "not a checkpoint of this version of soundproof");
    }
    SP_TRY(sp_training_fingerprint(err, training, fingerprint));
    if (memcmp(data + sizeof magic, fingerprint, SP_DIGEST_TEXT - 1) != 0) {
        return sp_fail(err, SP_E_MISMATCH,
                       "the checkpoint belongs to other clips, another front end, architecture or "
                       "recipe: name another file, or remove it");
    }
    SP_TRY(sum_of(err, sum, data + HEAD, size - HEAD));
    memcpy(&epochs, data + HEAD, sizeof epochs);
    if (memcmp(data + sizeof magic + SP_DIGEST_TEXT, sum, SP_DIGEST_TEXT - 1) != 0 ||
        epochs > training->recipe.epochs || size - HEAD != body_size(training, (size_t)epochs)) {
        return sp_fail(err, SP_E_FORMAT, "the checkpoint is damaged: remove it");
    }
    return SP_OK;
}

sp_status sp_training_resume(sp_error *err, sp_training *training, const char *path) {
    char *data = NULL;
    size_t size = 0;
    SP_TRY(sp_file_read(err, &data, &size, path, (size_t)1 << 30));
    const sp_status status = check(err, training, data, size);
    if (status == SP_OK) {
        tape_head in = {data + HEAD, false};
        copy_all(&in, training);
        sp_train_store(&training->net, training->parameter);
    } else {
        sp_error_in(err, path);
    }
    free(data);
    return status;
}
