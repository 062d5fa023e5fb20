/* What is checked, in order. */
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "balls.h"
#include "checker.h"

#if FLT_EVAL_METHOD != 0
#error "doubles must be computed as doubles"
#endif

static void must_say(const ck_proof *proof, const char *key, const char *value) {
    if (strcmp(ck_text(proof, key), value) != 0) {
        ck_refuse("header", "%s is %s, this checker knows %s", key, ck_text(proof, key), value);
    }
}

/* The radius must hold the budget that the header names. */
static void check_budget(const ck_proof *proof, const ck_sound *sound, double scale) {
    const char *unit = ck_text(proof, "budget_unit");
    const double value = ck_number(proof, "budget_value"), radius = ck_number(proof, "radius");
    double peak = 0.0;
    arb_t needed, term;
    arb_init(needed);
    arb_init(term);
    for (size_t i = 0; i < sound->n; i++) {
        const double s = sound->sample[i] * scale;
        peak = fmax(peak, fabs(s));
        arb_set_d(term, s);
        arb_addmul(needed, term, term, 128);
    }
    arb_div_ui(needed, needed, sound->n, 128);
    arb_sqrt(needed, needed, 128); /* the root mean square */
    const bool snr = strcmp(unit, "dBsnr") == 0, lsb = strcmp(unit, "lsb") == 0;
    if (lsb) {
        if (sound->bits == 0) {
            ck_refuse("budget", "a recording of floats has no lsb");
        }
        arb_set_d(needed, value * scale);
        arb_mul_2exp_si(needed, needed, 1 - sound->bits);
    } else {
        if (strcmp(unit, "dB") == 0) {
            arb_set_d(needed, peak);
        } else if (!snr) {
            ck_refuse("budget", "unit %s is not known", unit);
        }
        arb_set_d(term, snr ? -value : value);
        arb_div_ui(term, term, 20, 128);
        arb_t ten;
        arb_init(ten);
        arb_set_ui(ten, 10);
        arb_pow(term, ten, term, 128);
        arb_mul(needed, needed, term, 128);
    }
    arb_set_d(term, radius);
    const bool holds = isfinite(radius) && radius > 0.0 && arb_ge(term, needed);
    if (!holds) {
        ck_refuse("budget", "the radius %.17g is less than %g %s of this recording", radius, value,
                  unit);
    }
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

static void usage(FILE *to) {
    fputs("Usage: soundproof-check [--model M.onnx] [--clip C.wav] [--front F.json] FILE.proof\n"
          "Proves a certificate of soundproof again. Without --model and --clip the files stand\n"
          "beside the certificate. Exit code 0: accepted, 1: refused, 2: cannot be read.\n",
          to);
}

int main(int argc, char **argv) {
    const char *path[4] = {NULL, NULL, NULL, NULL};
    const char *const option[] = {"--model", "--clip", "--front"};
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < 3 && strcmp(argv[i], option[k]) != 0) {
            k++;
        }
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            return 0;
        }
        if (k < 3 ? i + 1 == argc : argv[i][0] == '-' || path[3] != NULL) {
            usage(stderr);
            return 2;
        }
        path[k] = k < 3 ? argv[++i] : argv[i];
    }
    if (path[3] == NULL) {
        usage(stderr);
        return 2;
    }
    if (fegetround() != FE_TONEAREST) {
        ck_unreadable("doubles are not rounded to nearest");
    }
    ck_proof proof = {0};
    ck_proof_read(&proof, path[3]);
    must_say(&proof, "noise", "box");
    must_say(&proof, "property", "argmax");
    must_say(&proof, "arithmetic", "real");

    const char *model = path[0] != NULL ? path[0] : beside(path[3], ck_text(&proof, "model"));
    const char *clip = path[1] != NULL ? path[1] : beside(path[3], ck_text(&proof, "recording"));
    const ck_bytes model_bytes = ck_read(model), clip_bytes = ck_read(clip);
    ck_same(model_bytes, ck_text(&proof, "model_sha256"), "model");
    ck_same(clip_bytes, ck_text(&proof, "recording_sha256"), "recording");
    ck_network network = {0};
    ck_network_read(&network, model_bytes);
    const bool own = strcmp(ck_text(&proof, "front"), "of the model") == 0;
    ck_bytes front_bytes = {(unsigned char *)network.front,
                            network.front != NULL ? strlen(network.front) : 0};
    if (!own) {
        front_bytes =
            ck_read(path[2] != NULL ? path[2] : beside(path[3], ck_text(&proof, "front")));
    } else if (network.front == NULL) {
        ck_refuse("front end", "the model carries no description");
    }
    ck_same(front_bytes, ck_text(&proof, "front_sha256"), "front end");

    ck_sound sound = {0};
    ck_sound_read(&sound, clip_bytes, clip);
    ck_front front = {0};
    ck_bank_read(&front.bank, (const char *)front_bytes.at);
    if (sound.rate != front.bank.rate || sound.n != ck_whole(&proof, "samples", SIZE_MAX / 64) ||
        (double)sound.rate != ck_number(&proof, "sample_rate")) {
        ck_refuse("recording",
                  "%zu samples at %d Hz are not what the certificate or the front end "
                  "speaks of",
                  sound.n, sound.rate);
    }
    check_budget(&proof, &sound, front.bank.scale);
    ck_front_bound(&front, &proof, &sound, ck_number(&proof, "radius"));
    const size_t classes = network.layer[network.layers - 1].out;
    if (ck_whole(&proof, "classes", CK_TERMS) != classes || classes < 2) {
        ck_refuse("header", "the model has %zu classes", classes);
    }
    const size_t label = ck_whole(&proof, "label", classes - 1);
    const double margin = ck_walk(&network, &front, &proof, label);
    ck_all_read(&proof);
    if (!(margin > 0.0)) {
        ck_refuse("margin", "at least %.6g is proved, which is not positive", margin);
    }
    printf("accepted: %s, %s: label %zu under every noise of at most %.17g (%g %s); margin %.6g "
           "(claimed %.6g)\n",
           ck_text(&proof, "recording"), ck_text(&proof, "model"), label,
           ck_number(&proof, "radius"), ck_number(&proof, "budget_value"),
           ck_text(&proof, "budget_unit"), margin, ck_number(&proof, "margin"));
    return 0;
}
