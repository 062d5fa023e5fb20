/* What is checked, in order. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checker.h"

_Static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed as doubles");

/* The radius must hold the budget that the header names: of n samples of a recording, the loudest one
 * being that of all of it. */
static void check_budget(const ck_object *header, const ck_sound *sound, const double *sample,
                         size_t n, double scale, ck_norm norm) {
    enum { PEAK, FULL, SNR, LSB } unit = ck_choice(header, "budget_unit", "dB|dBFS|dBsnr|lsb");
    const double value = ck_number(header, "budget_value"), radius = ck_number(header, "radius");
    arb_ptr needed = _arb_vec_init(3), term = needed + 1, ten = needed + 2;
    double loudest = 0.0;
    for (size_t i = 0; i < sound->n; i++) {
        loudest = fmax(loudest, fabs(sound->sample[i] * scale));
    }
    for (size_t i = 0; i < n; i++) {
        arb_set_d(term, sample[i] * scale);
        arb_addmul(needed, term, term, 128);
    }
    arb_div_ui(needed, needed, norm == CK_BOX ? n : 1, 128);
    arb_sqrt(needed, needed, 128); /* the root mean square, or the norm, of the recording */
    ck_require(unit != LSB || (sound->bits > 0 && value > 0.0), "budget", "there is no %g lsb here",
               value);
    if (unit != SNR && !(unit == PEAK && norm == CK_L2)) {
        arb_set_d(needed, unit == PEAK ? loudest : unit == LSB ? value * scale : scale);
    }
    if (unit == LSB) {
        arb_mul_2exp_si(needed, needed, 1 - sound->bits);
    } else {
        arb_set_d(term, unit == SNR ? -value : value);
        arb_div_ui(term, term, 20, 128);
        arb_set_ui(ten, 10);
        arb_pow(term, ten, term, 128);
        arb_mul(needed, needed, term, 128);
    }
    arb_set_d(term, radius);
    ck_require(radius > 0.0 && arb_ge(term, needed), "budget",
               "the radius %.17g is less than %g %s of this recording", radius, value,
               ck_text(header, "budget_unit"));
}

/* FOLDER of the certificate / NAME, or NAME alone. */
static char *beside(const char *proof, const char *name) {
    const char *slash = strrchr(proof, '/');
    const size_t folder = slash != NULL ? (size_t)(slash - proof) + 1 : 0;
    char *path = ck_alloc(folder + strlen(name) + 1, 1);
    memcpy(path, proof, folder);
    memcpy(path + folder, name, strlen(name));
    return path;
}

static _Noreturn void usage(FILE *to, int code) {
    fputs("Usage: soundproof-check [--threads N] [--model M.onnx] [--clip C.wav] [--front F.json]\n"
          "FILE.proof: proves a certificate of soundproof again. Files not given stand beside it.\n"
          "Exit code 0: accepted, 1: refused, 2: cannot be read.\n",
          to);
    exit(code);
}

int main(int argc, char **argv) {
    const char *path[5] = {NULL, NULL, NULL, NULL, NULL};
    static const char *const option[] = {"--model", "--clip", "--front", "--threads"};
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < 4 && strcmp(argv[i], option[k]) != 0) {
            k++;
        }
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout, 0);
        }
        if (k < 4 ? i + 1 == argc : argv[i][0] == '-' || path[4] != NULL) {
            usage(stderr, 2);
        }
        path[k] = k < 4 ? argv[++i] : argv[i];
    }
    const unsigned long threads = path[3] != NULL ? strtoul(path[3], NULL, 10) : 1;
    if (path[4] == NULL || threads < 1 || threads > 256) {
        usage(stderr, 2);
    }
    flint_set_num_threads((int)threads);
    ck_proof proof = {0};
    ck_proof_read(&proof, path[4]);
    const ck_object *header = &proof.header;
    ck_claim claim = {.single = ck_choice(header, "property", "argmax|threshold") == 1};
    ck_front front = {.norm = (ck_norm)ck_choice(header, "noise", "box|l2|l1")};
    (void)ck_choice(header, "arithmetic", "real");

    const char *model = path[0] != NULL ? path[0] : beside(path[4], ck_text(header, "model"));
    const char *clip = path[1] != NULL ? path[1] : beside(path[4], ck_text(header, "recording"));
    const ck_bytes model_bytes = ck_read(model), clip_bytes = ck_read(clip);
    ck_same(model_bytes, ck_text(header, "model_sha256"), "model");
    ck_same(clip_bytes, ck_text(header, "recording_sha256"), "recording");
    ck_network network = {0};
    ck_network_read(&network, model_bytes);
    const char *description = ck_text(header, "front");
    ck_bytes front_bytes = network.front;
    if (strcmp(description, "of the model") != 0) {
        front_bytes = ck_read(path[2] != NULL ? path[2] : beside(path[4], description));
    }
    ck_require(front_bytes.at != NULL, "front end", "the model carries no description");
    ck_same(front_bytes, ck_text(header, "front_sha256"), "front end");

    ck_sound sound = {0};
    ck_sound_read(&sound, clip_bytes, clip);
    ck_bank_read(&front.bank, (const char *)front_bytes.at);
    const size_t begin = ck_whole(header, "begin", 0, CK_LONGEST);
    const size_t n = ck_whole(header, "samples", 1, CK_LONGEST);
    ck_require(sound.rate == front.bank.rate && begin + n <= sound.n &&
                   (double)sound.rate == ck_number(header, "sample_rate"),
               "recording", "%zu samples at %d Hz are not what is spoken of", sound.n, sound.rate);
    const double *sample = sound.sample + begin;
    check_budget(header, &sound, sample, n, front.bank.scale, front.norm);
    const double radius = ck_number(header, "radius");
    ck_front_bound(&front, &proof, sample, n, radius);
    const size_t classes = network.layer[network.output - 1].out;
    ck_require((classes == 1) == claim.single &&
                   ck_whole(header, "classes", 1, CK_TERMS) == classes,
               "header", "the model has %zu classes", classes);
    claim.label = ck_whole(header, "label", 0, claim.single ? 1 : classes - 1);
    claim.threshold = claim.single ? ck_number(header, "threshold") : 0.0;
    const double margin = ck_walk(&network, &front, &proof, &claim);
    ck_all_members_read(&proof.arrays);
    ck_require(margin > 0.0, "margin", "at least %.6g is proved, which is not positive", margin);
    printf("accepted: %s, %s, %zu samples from %zu on: ", ck_text(header, "recording"),
           ck_text(header, "model"), n, begin);
    printf(claim.single ? "label %zu, a threshold of %.17g" : "label %zu", claim.label,
           claim.threshold);
    printf(" under every noise of at most %.17g (%g %s, %s); margin %.6g (claimed %.6g)\n", radius,
           ck_number(header, "budget_value"), ck_text(header, "budget_unit"),
           ck_text(header, "noise"), margin, ck_number(header, "margin"));
    return 0;
}
