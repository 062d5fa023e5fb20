/* The constants of a front end, from its description: pre-emphasis, window and DFT as one matrix,
 * and the mel bank; and that diagonals are above quadratic forms. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "balls.h"
#include "checker.h"

enum { BITS = 128 };
static arb_ptr exact_f, exact_weight; /* [rows, frame], [bands, rows] in balls */

/* ---- the description ---- */

/* Which of the texts this member is. */
static size_t choice(const ck_object *object, const char *key, const char *const *texts) {
    const char *at = ck_text(object, key);
    for (size_t i = 0; texts[i] != NULL; i++) {
        if (strcmp(texts[i], at) == 0) {
            return i;
        }
    }
    ck_refuse("front end", "this checker does not know what %s says", key);
}

/* The object, which may have these members, each once. */
static ck_object only(const cJSON *json, const char *const *keys) {
    for (const cJSON *at = json->child; at != NULL; at = at->next) {
        size_t i = 0;
        while (keys[i] != NULL && strcmp(keys[i], at->string) != 0) {
            i++;
        }
        ck_require(keys[i] != NULL && cJSON_GetObjectItemCaseSensitive(json, at->string) == at,
                   "front end", "this checker does not know the member %s", at->string);
    }
    return (ck_object){json, "front end"};
}

/* A member that is an object itself, or, where it may be missing, NULL. */
static const ck_object *part(ck_object *to, const ck_object *of, const char *key, bool needed,
                             const char *const *keys) {
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(of->json, key);
    if (at != NULL || needed) {
        *to = only(ck_member(of, key), keys);
    }
    return at != NULL ? to : NULL;
}

/* ---- the spectrum ---- */

static void fill_window(arb_ptr w, size_t n, size_t kind) {
    arb_t mean, swing;
    fmpq_t turn;
    arb_init(mean);
    arb_init(swing);
    fmpq_init(turn);
    const bool hamming = kind < 2, periodic = kind % 2 == 0;
    arb_set_ui(mean, hamming ? 54 : 50);
    arb_div_ui(mean, mean, 100, BITS);
    arb_sub_ui(swing, mean, 1, BITS);
    for (size_t j = 0; j < n; j++) {
        if (kind == 4) {
            arb_one(w + j);
        } else {
            fmpq_set_si(turn, 2 * (slong)j, periodic ? n : n - 1);
            arb_cos_pi_fmpq(w + j, turn, BITS);
            arb_mul(w + j, w + j, swing, BITS);
            arb_add(w + j, mean, w + j, BITS);
        }
    }
}

/* Row k: the real part of bin k, row bins + k: its imaginary part, of the samples
 * w_j (x_j - a x_{j-1}). */
static void fill_spectrum(ck_bank *bank, size_t n, double a, size_t window, bool over_n) {
    const size_t bins = n / 2 + 1, frame = bank->frame;
    arb_ptr w = _arb_vec_init(frame + 1), table = _arb_vec_init(2 * n);
    arb_t scale, next, pre;
    fmpq_t turn;
    arb_init(scale);
    arb_init(next);
    arb_init(pre);
    fmpq_init(turn);
    fill_window(w, frame, window);
    for (size_t q = 0; q < n; q++) {
        fmpq_set_si(turn, 2 * (slong)q, n);
        arb_sin_cos_pi_fmpq(table + 2 * q + 1, table + 2 * q, turn, BITS);
    }
    arb_set_ui(scale, n);
    arb_rsqrt(scale, scale, BITS);
    arb_set_d(pre, a);
    exact_f = _arb_vec_init(bank->rows * frame);
    for (size_t k = 0; k < 2 * bins; k++) {
        const size_t bin = k % bins, part = k / bins;
        for (size_t j = 0; j < frame; j++) {
            arb_ptr f = exact_f + k * frame + j;
            arb_mul(f, w + j, table + 2 * (j * bin % n) + part, BITS);
            arb_mul(next, w + j + 1, table + 2 * ((j + 1) * bin % n) + part, BITS);
            arb_submul(f, next, pre, BITS);
            if (part == 1) {
                arb_neg(f, f);
            }
            if (over_n) {
                arb_mul(f, f, scale, BITS);
            }
            bank->f[k * frame + j] = arf_get_d(arb_midref(f), ARF_RND_NEAR);
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
static size_t corner(const ck_object *mel, size_t j, size_t bands, double factor, int rate) {
    const double ends[] = {ck_number(mel, "low_hz"), ck_number(mel, "high_hz")};
    arb_t hz, high;
    fmpz_t bin;
    arb_init(hz);
    arb_init(high);
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
    arb_set_d(high, factor);
    arb_mul(hz, hz, high, BITS);
    arb_div_ui(hz, hz, (ulong)rate, BITS);
    arb_floor(hz, hz, BITS);
    ck_require(arb_get_unique_fmpz(bin, hz) && fmpz_fits_si(bin) && fmpz_sgn(bin) >= 0, "front end",
               "corner %zu of the mel bank stands on the edge of a bin", j);
    return (size_t)fmpz_get_si(bin);
}

static void set_weight(ck_bank *bank, size_t m, size_t bin, size_t above, size_t below) {
    for (size_t part = 0; part < 2; part++) {
        const size_t at = m * bank->rows + part * bank->rows / 2 + bin;
        arb_set_ui(exact_weight + at, above);
        arb_div_ui(exact_weight + at, exact_weight + at, below, BITS);
        bank->weight[at] = (double)above / (double)below;
    }
}

static void fill_mel(ck_bank *bank, const ck_object *mel, size_t n) {
    static const char *const formulas[] = {"2595*log10(1+f/700)", "1127*ln(1+f/700)", "htk",
                                           "kaldi", NULL};
    static const char *const roundings[] = {"floor((N+1)*hz/rate)", "floor(N*hz/rate)", NULL};
    (void)choice(mel, "formula", formulas);
    const double factor = (double)n + (choice(mel, "rounding", roundings) == 0 ? 1.0 : 0.0);
    exact_weight = _arb_vec_init(bank->bands * bank->rows);
    for (size_t m = 0; m < bank->bands; m++) {
        size_t c[3];
        for (size_t i = 0; i < 3; i++) {
            c[i] = corner(mel, m + i, bank->bands, factor, bank->rate);
        }
        ck_require(c[0] <= c[1] && c[1] <= c[2] && c[0] < c[2] && c[2] <= n / 2 + 1, "front end",
                   "filter %zu reaches bins that are not there", m);
        for (size_t i = c[0] + 1; i < c[2]; i++) {
            const bool up = i < c[1];
            set_weight(bank, m, i, up ? i - c[0] : c[2] - i, up ? c[1] - c[0] : c[2] - c[1]);
        }
        if (c[0] == c[1]) {
            set_weight(bank, m, c[0], 1, 1);
        }
    }
}

/* ---- the whole ---- */

void ck_bank_read(ck_bank *bank, const char *description) {
    static const char *const keys[] = {
        "name",        "note",   "sample_rate", "scale",      "gain", "pad",   "frame", "step",
        "preemphasis", "window", "fft",         "power_norm", "mel",  "floor", "log",   NULL};
    static const char *const logs[] = {"natural", NULL};
    static const char *const scales[] = {"int16", "unit", NULL};
    static const char *const pads[] = {
        "none", "append one step of zeros unless the length is a multiple of the step", NULL};
    static const char *const windows[] = {
        "hamming-periodic", "hamming", "hann-periodic", "hann", "none", NULL};
    static const char *const norms[] = {"1/N", "none", NULL}, *const peak[] = {"peak", NULL};
    static const char *const where[] = {"inside each frame", NULL};
    static const char *const floor_keys[] = {"add", NULL}, *const pad_keys[] = {"rule", NULL};
    static const char *const gain_keys[] = {"rule", "to", NULL};
    static const char *const emphasis_keys[] = {"coefficient", "where", NULL};
    static const char *const mel_keys[] = {"bands",   "low_hz",   "high_hz",
                                           "formula", "rounding", NULL};
    const cJSON *json = cJSON_Parse(description);
    ck_require(cJSON_IsObject(json), "front end", "the description is no JSON object");
    const ck_object root = only(json, keys);
    ck_object at, mel;
    if (part(&at, &root, "gain", false, gain_keys) != NULL) {
        (void)choice(&at, "rule", peak);
        bank->gain = ck_number(&at, "to");
    }
    bank->pad_step =
        part(&at, &root, "pad", false, pad_keys) != NULL && choice(&at, "rule", pads) == 1;
    bank->floor = ck_number(part(&at, &root, "floor", true, floor_keys), "add");
    const size_t n = ck_whole(&root, "fft", 2, CK_TERMS - 2);
    bank->rate = (int)ck_whole(&root, "sample_rate", 1, 1 << 20);
    bank->scale = choice(&root, "scale", scales) == 0 ? 32768.0 : 1.0;
    bank->frame = ck_whole(&root, "frame", 1, CK_TERMS);
    bank->step = ck_whole(&root, "step", 1, bank->frame);
    bank->bands = ck_whole(part(&mel, &root, "mel", true, mel_keys), "bands", 1, 256);
    bank->rows = 2 * (n / 2 + 1);
    ck_require(n % 2 == 0 && bank->frame <= n && bank->floor >= 1e-100 && bank->floor <= 1e100 &&
                   bank->gain >= 0.0 && bank->gain <= 1e10,
               "front end", "this checker knows even transforms of a frame, and floors above 0");
    bank->f = ck_alloc(bank->rows * bank->frame, sizeof(double));
    bank->weight = ck_alloc(bank->bands * bank->rows, sizeof(double));
    const ck_object *emphasis = part(&at, &root, "preemphasis", false, emphasis_keys);
    if (emphasis != NULL) {
        (void)choice(emphasis, "where", where);
    }
    fill_spectrum(bank, n, emphasis != NULL ? ck_number(emphasis, "coefficient") : 0.0,
                  choice(&root, "window", windows), choice(&root, "power_norm", norms) == 0);
    fill_mel(bank, &mel, n);
    (void)choice(&root, "log", logs);
}

/* ---- diagonals ---- */

/* The Cholesky factor of m - shift in doubles, as good as it gets; false: there is none. */
static bool factor(arb_mat_t l, const arb_mat_t m, double shift) {
    const size_t n = (size_t)arb_mat_nrows(m);
    double *c = ck_alloc(n * n, sizeof *c);
    bool positive = true;
    for (size_t i = 0; positive && i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = arf_get_d(arb_midref(arb_mat_entry(m, i, j)), ARF_RND_NEAR);
            sum -= i == j ? shift : 0.0;
            for (size_t k = 0; k < j; k++) {
                sum -= c[i * n + k] * c[j * n + k];
            }
            positive = positive && (i > j || sum > 0.0);
            c[i * n + j] = i > j ? sum / c[j * n + j] : positive ? sqrt(sum) : 1.0;
            arb_set_d(arb_mat_entry(l, i, j), c[i * n + j]);
        }
    }
    free(c);
    return positive;
}

/* Whether m is positive: m - shift = l l' + rest for any l, and no sum of absolute values of a row
 * of the rest is above the shift. */
static bool is_positive(const arb_mat_t m, double largest) {
    const slong n = arb_mat_nrows(m);
    double shift = 1e-2 * largest;
    arb_mat_t l, turned, product;
    arb_t sum, size;
    arb_mat_init(l, n, n);
    arb_mat_init(turned, n, n);
    arb_mat_init(product, n, n);
    arb_init(sum);
    arb_init(size);
    while (shift > 1e-14 * largest && !factor(l, m, shift)) {
        shift *= 0.25;
    }
    arb_mat_transpose(turned, l);
    arb_mat_mul(product, l, turned, BITS);
    arb_mat_sub(product, m, product, BITS);
    bool positive = true;
    for (slong i = 0; i < n; i++) {
        arb_set_d(size, shift);
        arb_sub(arb_mat_entry(product, i, i), arb_mat_entry(product, i, i), size, BITS);
        arb_zero(sum);
        for (slong j = 0; j < n; j++) {
            arb_abs(arb_mat_entry(product, i, j), arb_mat_entry(product, i, j));
            arb_add(sum, sum, arb_mat_entry(product, i, j), BITS);
        }
        positive = positive && arb_lt(sum, size);
    }
    arb_mat_clear(l);
    arb_mat_clear(turned);
    arb_mat_clear(product);
    return positive;
}

/* diagonal >= sum_j weight_j f_j f_j'. */
static bool prove(const ck_bank *bank, const double *diagonal, arb_srcptr weight) {
    const size_t n = bank->frame;
    size_t rows = 0;
    for (size_t j = 0; j < bank->rows; j++) {
        rows += !arb_is_zero(weight + j);
    }
    double largest = 0.0;
    arb_mat_t a, b, q;
    arb_t d;
    arb_init(d);
    arb_mat_init(a, (slong)n, (slong)rows);
    arb_mat_init(b, (slong)rows, (slong)n);
    arb_mat_init(q, (slong)n, (slong)n);
    for (size_t j = 0, k = 0; j < bank->rows; j++) {
        for (size_t i = 0; !arb_is_zero(weight + j) && i < n; i++) {
            arb_set(arb_mat_entry(a, i, k), exact_f + j * n + i);
            arb_mul(arb_mat_entry(b, k, i), exact_f + j * n + i, weight + j, BITS);
        }
        k += !arb_is_zero(weight + j);
    }
    arb_mat_mul(q, a, b, BITS);
    arb_mat_neg(q, q);
    for (size_t i = 0; i < n; i++) {
        arb_set_d(d, diagonal[i]);
        arb_add(arb_mat_entry(q, i, i), arb_mat_entry(q, i, i), d, BITS);
        largest = fmax(largest, fabs(diagonal[i]));
    }
    arb_mat_clear(a);
    arb_mat_clear(b);
    const bool positive = is_positive(q, largest);
    arb_mat_clear(q);
    return positive;
}

/* What is proved: those of the bands, and behind them that of the energy. */
typedef struct diagonals {
    const ck_bank *bank;
    const double *diagonal, *energy;
    arb_srcptr share;
    bool *proved;
} diagonals;

static void prove_one(void *of, size_t m, size_t thread) {
    const diagonals *d = of;
    const bool band = m < d->bank->bands;
    (void)thread;
    d->proved[m] = prove(d->bank, band ? d->diagonal + m * d->bank->frame : d->energy,
                         band ? exact_weight + m * d->bank->rows : d->share);
}

void ck_bank_prove(const ck_bank *bank, const double *diagonal, const double *share,
                   const double *energy) {
    arb_ptr weight = _arb_vec_init((slong)bank->rows);
    for (size_t j = 0; j < bank->rows; j++) {
        bool zero = true, read = false;
        for (size_t i = 0; i < bank->frame; i++) {
            zero = zero && arb_is_zero(exact_f + j * bank->frame + i);
        }
        for (size_t m = 0; m < bank->bands; m++) {
            read = read || bank->weight[m * bank->rows + j] > 0.0;
        }
        ck_require(share[j] >= 1e-100 || (share[j] == 0.0 && (zero || !read)), "front end",
                   "row %zu of the spectrum has no share of the energy", j);
        arb_set_d(weight + j, share[j]);
    }
    diagonals d = {bank, diagonal, energy, weight, ck_alloc(bank->bands + 1, sizeof(bool))};
    ck_parallel(bank->bands + 1, prove_one, &d);
    for (size_t m = 0; m <= bank->bands; m++) {
        ck_require(d.proved[m], "front end", "diagonal %zu is not above its form", m);
    }
}
