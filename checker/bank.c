/* The constants of a front end, from its description: pre-emphasis, window and DFT as one matrix,
 * the mel bank, and what becomes of the logarithms. Balls are given back when the program ends. */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "checker.h"

enum { BITS = 128 };

/* ---- the description ---- */

/* A member that is an object itself, or, where it may be missing, NULL. */
static const ck_object *part(ck_object *to, const ck_object *of, const char *key, bool needed) {
    if (!needed && !ck_has(of, key)) {
        return NULL;
    }
    *to = (ck_object){ck_member(of, key), of->what};
    ck_require(cJSON_IsObject((const cJSON *)to->json), of->what, "%s is no object", key);
    return to;
}

/* ---- balls ---- */

static void set_ratio(arb_t x, slong p, size_t q) {
    arb_set_si(x, p);
    arb_div_ui(x, x, q, BITS);
}

/* cos(pi p / q) */
static void set_cos(arb_t x, size_t p, size_t q) {
    fmpq_t turn;
    fmpq_init(turn);
    fmpq_set_si(turn, (slong)p, q);
    arb_cos_pi_fmpq(x, turn, BITS);
    fmpq_clear(turn);
}

/* The double next to a real number, which must be 0 exactly or known well. */
static double nearest(const arb_t x) {
    ck_require(arb_is_zero(x) || arb_rel_accuracy_bits(x) >= 56, "front end",
               "a constant is too near to 0 to be known");
    return arf_get_d(arb_midref(x), ARF_RND_NEAR);
}

/* ---- the spectrum ---- */

static void fill_window(arb_ptr w, size_t n, size_t kind) {
    const bool hamming = kind < 2, periodic = kind % 2 == 0;
    arb_ptr mean = _arb_vec_init(1), swing = _arb_vec_init(1);
    set_ratio(mean, hamming ? 54 : 50, 100);
    set_ratio(swing, hamming ? 46 : 50, 100);
    for (size_t j = 0; j < n; j++) {
        set_cos(w + j, 2 * j, periodic ? n : n - 1);
        arb_mul(w + j, w + j, swing, BITS);
        arb_sub(w + j, mean, w + j, BITS);
        if (kind == 4) {
            arb_one(w + j);
        }
    }
}

/* Row k: the real part of bin k, row bins + k: its imaginary part, of the samples
 * w_j (x_j - a x_{j-1}). */
static void fill_spectrum(ck_bank *bank, const ck_object *root, size_t n) {
    const size_t frame = bank->frame, over_n = ck_choice(root, "power_norm", "none|1/N");
    arb_ptr w = _arb_vec_init((slong)bank->span), table = _arb_vec_init(2 * n);
    arb_ptr scale = _arb_vec_init(1), a = _arb_vec_init(1), g = _arb_vec_init(1),
            next = _arb_vec_init(1);
    ck_object at;
    if (part(&at, root, "preemphasis", false) != NULL) {
        (void)ck_choice(&at, "where", "inside each frame");
        arb_set_d(a, ck_number(&at, "coefficient"));
    }
    fill_window(w, bank->span,
                ck_choice(root, "window", "hamming-periodic|hamming|hann-periodic|hann|none"));
    arb_set_ui(scale, over_n == 1 ? n : 1);
    arb_rsqrt(scale, scale, BITS);
    for (size_t q = 0; q < 2 * n; q++) { /* cos and -sin of 2 pi (q/2) / n */
        set_cos(table + q, 4 * (q / 2) + q % 2 * n, 2 * n);
    }
    bank->exact_f = _arb_vec_init((slong)(bank->rows * frame));
    for (size_t k = 0; k < bank->rows; k++) {
        arb_ptr row = bank->exact_f + k * frame;
        const size_t bin = k % (n / 2 + 1), imaginary = k / (n / 2 + 1);
        arb_zero(next);
        for (size_t j = frame; j-- > 0;) {
            arb_mul(g, w + j, table + 2 * (j * bin % n) + imaginary, BITS);
            arb_mul(row + j, next, a, BITS);
            arb_sub(row + j, g, row + j, BITS);
            arb_mul(row + j, row + j, scale, BITS);
            arb_set(next, g);
            bank->f[k * frame + j] = nearest(row + j);
        }
    }
}

/* ---- the mel bank ---- */

/* log(1 + hz / 700): every formula is a multiple of it. */
static void mel_of(arb_t mel, double hz) {
    arb_set_d(mel, hz);
    arb_div_ui(mel, mel, 700, BITS);
    arb_log1p(mel, mel, BITS);
}

/* The bin of corner j: the frequency, times `factor` over the rate, rounded down. */
static size_t corner(const ck_object *mel, size_t j, size_t bands, size_t factor, int rate) {
    const double ends[] = {ck_number(mel, "low_hz"), ck_number(mel, "high_hz")};
    arb_ptr hz = _arb_vec_init(1), high = _arb_vec_init(1);
    fmpz_t bin;
    fmpz_init(bin);
    if (j == 0 || j == bands + 1) {
        arb_set_d(hz, ends[j > 0]);
    } else {
        mel_of(hz, ends[0]);
        mel_of(high, ends[1]);
        arb_sub(high, high, hz, BITS);
        arb_mul_ui(high, high, j, BITS);
        arb_div_ui(high, high, bands + 1, BITS);
        arb_add(hz, hz, high, BITS);
        arb_expm1(hz, hz, BITS);
        arb_mul_ui(hz, hz, 700, BITS);
    }
    arb_mul_ui(hz, hz, factor, BITS);
    arb_div_ui(hz, hz, (ulong)rate, BITS);
    arb_floor(hz, hz, BITS);
    ck_require(arb_get_unique_fmpz(bin, hz) && fmpz_fits_si(bin) && fmpz_sgn(bin) >= 0, "front end",
               "corner %zu of the mel bank stands on the edge of a bin", j);
    return (size_t)fmpz_get_si(bin);
}

/* The band behind the filters, if there is one, is all of the energy. */
static void fill_mel(ck_bank *bank, const ck_object *mel, size_t n, size_t filters) {
    const size_t factors[] = {n + 1, n, n / 2 + 1, n / 2 + 2}, bins = n / 2 + 1;
    const size_t factor = factors[ck_choice(
        mel, "rounding",
        "floor((N+1)*hz/rate)|floor(N*hz/rate)|floor((N/2+1)*hz/rate)|floor((N/2+2)*hz/rate)")];
    (void)ck_choice(mel, "formula", "2595*log10(1+f/700)|1127*ln(1+f/700)|htk|kaldi");
    bank->exact_weight = _arb_vec_init((slong)((bank->bands + 1) * bank->rows));
    for (size_t i = filters * bank->rows; i < bank->bands * bank->rows; i++) {
        arb_one(bank->exact_weight + i);
        bank->weight[i] = 1.0;
    }
    for (size_t m = 0; m < filters; m++) {
        size_t c[3];
        for (size_t i = 0; i < 3; i++) {
            c[i] = corner(mel, m + i, filters, factor, bank->rate);
        }
        ck_require(c[0] <= c[1] && c[1] <= c[2] && c[0] < c[2] && c[2] <= bins, "front end",
                   "filter %zu reaches bins that are not there", m);
        for (size_t i = c[0] + (c[0] < c[1] ? 1 : 0); i < c[2]; i++) {
            const size_t at = m * bank->rows + i;
            const bool up = i < c[1];
            set_ratio(bank->exact_weight + at, (slong)(up ? i - c[0] : c[2] - i),
                      up ? c[1] - c[0] : c[2] - c[1]);
            arb_set(bank->exact_weight + at + bins, bank->exact_weight + at);
            bank->weight[at] = bank->weight[at + bins] = nearest(bank->exact_weight + at);
        }
    }
}

/* ---- behind the logarithms ---- */

/* Coefficient i of the transform of n numbers, at number j. */
static void set_dct(arb_t entry, const ck_object *dct, size_t i, size_t j, size_t n) {
    (void)ck_choice(dct, "type", "II");
    const size_t norm = ck_choice(dct, "norm", "orthonormal|none|sqrt(2/N)");
    arb_ptr x = _arb_vec_init(1);
    set_cos(entry, i * (2 * j + 1), 2 * n);
    set_ratio(x, norm == 0 && i == 0 ? 1 : norm == 1 ? 4 : 2, norm == 1 ? 1 : n);
    arb_sqrt(x, x, BITS);
    arb_mul(entry, entry, x, BITS);
}

/* The mean, or the standard deviation, of each feature; the same number where none is given. */
static double *normal(const ck_object *root, const char *key, size_t features, double otherwise) {
    ck_object at;
    double *to = ck_alloc(features, sizeof *to);
    for (size_t i = 0; i < features; i++) {
        to[i] = otherwise;
    }
    if (part(&at, root, "cmvn", false) != NULL && ck_has(&at, key)) {
        ck_list(to, ck_member(&at, key), "front end", features);
    }
    return to;
}

/* Features map log E + bias: their unit, a cosine transform, less a mean, over a deviation. The first
 * one is the natural logarithm of the band behind the filters, if there is one. */
static void fill_map(ck_bank *bank, const ck_object *root, size_t filters) {
    ck_object at;
    const ck_object *dct = part(&at, root, "dct", false);
    const size_t M = bank->bands, n = dct != NULL ? ck_whole(dct, "coefficients", 1, filters) : M;
    const size_t unit = ck_choice(root, "log", "natural|log10|dB");
    const double *mean = normal(root, "mean", n, 0.0), *deviation = normal(root, "std", n, 1.0);
    arb_ptr one = _arb_vec_init(1), level = _arb_vec_init(1), entry = _arb_vec_init(1),
            sum = _arb_vec_init(1), by = _arb_vec_init(1);
    if (unit > 0) {
        arb_log_ui(one, 10, BITS);
    }
    const bool reference = unit == 2 && ck_has(root, "reference");
    arb_set_d(level, reference ? ck_number(root, "reference") : 1.0);
    arb_log(level, level, BITS);
    bank->features = n;
    bank->map = ck_alloc(n * M, sizeof(double));
    bank->bias = ck_alloc(n, sizeof(double));
    for (size_t i = 0; i < n; i++) {
        arb_set_d(sum, mean[i]);
        arb_set_d(by, deviation[i]);
        for (size_t j = 0; j < M; j++) {
            const bool energy = filters < M && (i == 0 || j == filters);
            arb_set_ui(entry, energy ? i == 0 && j == filters : i == j);
            if (dct != NULL && !energy) {
                set_dct(entry, dct, i, j, filters);
            }
            if (unit > 0 && !energy) {
                arb_mul_ui(entry, entry, unit == 2 ? 10 : 1, BITS);
                arb_div(entry, entry, one, BITS);
                arb_addmul(sum, entry, level, BITS);
            }
            arb_div(entry, entry, by, BITS);
            bank->map[i * M + j] = nearest(entry);
        }
        arb_div(sum, sum, by, BITS);
        bank->bias[i] = -nearest(sum);
    }
}

/* ---- the whole ---- */

void ck_bank_read(ck_bank *bank, const char *description) {
    static const char *const floors[] = {"add", "at_least", "for_zero"};
    const ck_object root = {cJSON_Parse(description), "front end"};
    ck_object at, mel;
    ck_require(cJSON_IsObject((const cJSON *)root.json), "front end", "it is no JSON object");
    (void)(ck_has(&root, "name") ? ck_text(&root, "name") : NULL);
    (void)(ck_has(&root, "note") ? ck_text(&root, "note") : NULL);
    if (part(&at, &root, "gain", false) != NULL) {
        (void)ck_choice(&at, "rule", "peak");
        bank->gain = ck_number(&at, "to");
    }
    bank->pad_step =
        part(&at, &root, "pad", false) != NULL &&
        ck_choice(&at, "rule",
                  "none|append one step of zeros unless the length is a multiple of the step") == 1;
    (void)part(&at, &root, "floor", true);
    while (bank->rule < CK_FOR_ZERO && !ck_has(&at, floors[bank->rule])) {
        bank->rule++;
    }
    bank->floor = ck_number(&at, floors[bank->rule]);
    const size_t n = ck_whole(&root, "fft", 2, CK_TERMS - 2);
    bank->rate = (int)ck_whole(&root, "sample_rate", 1, 1 << 20);
    bank->scale = ck_choice(&root, "scale", "int16|unit") == 0 ? 32768.0 : 1.0;
    bank->span = ck_whole(&root, "frame", 1, CK_TERMS);
    bank->step = ck_whole(&root, "step", 1, CK_TERMS);
    bank->frame = bank->span < n ? bank->span : n; /* longer ones are cut */
    bank->lost = ck_has(&root, "frames")
                     ? ck_choice(&root, "frames", "all complete|all complete but the last")
                     : 0;
    const size_t energies = ck_has(&root, "c0") ? ck_choice(&root, "c0", "dct|log energy") : 0;
    bank->bands = ck_whole(part(&mel, &root, "mel", true), "bands", 1, 256) + energies;
    bank->rows = 2 * (n / 2 + 1);
    ck_require(n % 2 == 0 && (energies == 0 || ck_has(&root, "dct")) && bank->floor >= 1e-100 &&
                   bank->floor <= 1e100 && bank->gain >= 0.0 && bank->gain <= 1e10,
               "front end", "this checker knows even transforms, and floors above 0");
    bank->f = ck_alloc(bank->rows * bank->frame, sizeof(double));
    bank->weight = ck_alloc(bank->bands * bank->rows, sizeof(double));
    fill_spectrum(bank, &root, n);
    fill_mel(bank, &mel, n, bank->bands - energies);
    fill_map(bank, &root, bank->bands - energies);
    ck_all_members_read(&root);
}
