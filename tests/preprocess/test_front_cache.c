/* Forms that were kept by an earlier run: the same bits, and nothing that is not proved again. */
#include "tests/preprocess/front_check.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "preprocess/bound/impl.h"

enum { HEAD = 19, CHECK = SP_DIGEST_TEXT - 1 }; /* bytes before and behind the numbers */

static char folder[512];

/* A file of forms in the folder. */
static bool find_file(char path[1024]) {
    DIR *list = opendir(folder);
    bool found = false;
    for (struct dirent *e = list ? readdir(list) : NULL; e; e = readdir(list)) {
        if (strstr(e->d_name, ".forms")) {
            snprintf(path, 1024, "%s/%s", folder, e->d_name);
            found = true;
        }
    }
    if (list) {
        closedir(list);
    }
    return found;
}

static void empty_folder(void) {
    char path[1024];
    sp_test_scratch("preprocess_front_cache", folder, sizeof folder);
    mkdir(folder, 0777);
    while (find_file(path)) {
        unlink(path);
    }
}

#define SET(name) &sp_noise_set_##name,
static const sp_noise_set *const sets[] = {SP_NOISE_SETS(SET)};
#undef SET

static void expect_equal(const sp_front_forms *a, const sp_front_forms *b) {
    const size_t frame = a->layout->used;
    for (size_t m = 0; m <= a->layout->bands; m++) {
        const sp_band *p = m < a->layout->bands ? &a->band[m] : &a->energy;
        const sp_band *q = m < a->layout->bands ? &b->band[m] : &b->energy;
        assert_memory_equal(p->diagonal, q->diagonal, frame * sizeof *p->diagonal);
        for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
            assert_true(sp_front_fact(p, a->spectrum, sets[i]) ==
                        sp_front_fact(q, b->spectrum, sets[i]));
        }
        assert_true(p->curvature == q->curvature);
        assert_null(q->kept);
    }
}

static void kept_forms_have_the_same_bits(void **state) {
    (void)state;
    for (size_t i = 0; i < FRONT_ALL; i++) {
        char path[1024];
        sp_front *front = front_make(i);
        empty_folder();
        sp_front_cache_in(NULL);
        sp_front_forms *plain = front_forms(front, SP_FRONT_JOINT);
        assert_false(find_file(path));
        sp_front_cache_in(folder);
        for (int run = 0; run < 3; run++) {
            sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
            expect_equal(plain, forms);
            sp_front_forms_destroy(forms);
            assert_true(find_file(path));
        }
        sp_front_forms_destroy(plain);
        sp_front_destroy(front);
    }
}

/* The file with its numbers changed and its checksum made anew, as if it had been written so. */
static void forge(const char *path, size_t from, size_t count, double factor, double plus) {
    char *data = NULL, check[SP_DIGEST_TEXT], name[SP_DIGEST_TEXT] = "";
    size_t size = 0;
    assert_int_equal(sp_file_read(NULL, &data, &size, path, (size_t)1 << 28), SP_OK);
    double *value = malloc(size);
    const size_t numbers = (size - HEAD - CHECK) / sizeof *value;
    assert_non_null(value);
    memcpy(value, data + HEAD, numbers * sizeof *value);
    for (size_t i = from; i < from + count && i < numbers; i++) {
        value[i] = value[i] * factor + plus;
    }
    memcpy(data + HEAD, value, numbers * sizeof *value);
    memcpy(name, strrchr(path, '/') + 1, CHECK);
    sp_digest *digest = sp_digest_create();
    sp_digest_add(digest, name, sizeof name);
    sp_digest_add(digest, value, numbers * sizeof *value);
    assert_int_equal(sp_digest_finish(digest, check), SP_OK);
    memcpy(data + HEAD + numbers * sizeof *value, check, CHECK);
    assert_int_equal(sp_file_replace(NULL, path, data, size), SP_OK);
    free(value);
    free(data);
}

static void what_does_not_prove_itself_is_made_anew(void **state) {
    (void)state;
    static const double ways[][2] = {{0.9, 0.0}, {-1.0, 0.0}, {0.0, 0.0}, {0.0, NAN}, {0.999, 0.0}};
    char path[1024];
    sp_front *front = front_make(0);
    sp_front_cache_in(NULL);
    sp_front_forms *plain = front_forms(front, SP_FRONT_JOINT);
    const size_t frame = plain->layout->used, wide = frame + SP_BAND_KEPT;
    empty_folder();
    sp_front_cache_in(folder);
    sp_front_forms_destroy(front_forms(front, SP_FRONT_JOINT));
    assert_true(find_file(path));
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        for (size_t m = 0; m <= plain->layout->bands; m += plain->layout->bands) {
            // diagonals that are too small; then an eigenvalue that is
            forge(path, m * wide + SP_BAND_KEPT, frame, ways[i][0], ways[i][1]);
            sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
            expect_equal(plain, forms);
            sp_front_forms_destroy(forms);
            forge(path, m * wide + SP_BAND_KEPT_EIGENVALUE, 1, ways[i][0], ways[i][1]);
            forms = front_forms(front, SP_FRONT_JOINT);
            expect_equal(plain, forms);
            sp_front_forms_destroy(forms);
            // the scale, which is 1 and a gap
            forge(path, m * wide + SP_BAND_KEPT_SCALE, 1, ways[i][0], ways[i][1]);
            forms = front_forms(front, SP_FRONT_JOINT);
            expect_equal(plain, forms);
            sp_front_forms_destroy(forms);
        }
    }
    sp_front_forms_destroy(plain);
    sp_front_destroy(front);
}

/* One that was cut, or whose bytes are others, is as if it was not there. */
static void files_that_are_not_what_was_written_are_not_read(void **state) {
    (void)state;
    char path[1024], *data = NULL;
    size_t size = 0;
    sp_front *front = front_make(0);
    empty_folder();
    sp_front_cache_in(folder);
    sp_front_forms *plain = front_forms(front, SP_FRONT_JOINT);
    assert_true(find_file(path));
    assert_int_equal(sp_file_read(NULL, &data, &size, path, (size_t)1 << 28), SP_OK);
    for (size_t i = 0; i < 6; i++) {
        char *other = malloc(size);
        const size_t kept = i % 2 ? size : size / (i + 2);
        assert_non_null(other);
        memcpy(other, data, size);
        other[HEAD + i * 97 % (size - HEAD)] ^= 1;
        assert_int_equal(sp_file_replace(NULL, path, other, kept), SP_OK);
        sp_front_forms *forms = front_forms(front, SP_FRONT_JOINT);
        expect_equal(plain, forms);
        sp_front_forms_destroy(forms);
        free(other);
    }
    char *again = NULL;
    size_t length = 0;
    assert_int_equal(sp_file_read(NULL, &again, &length, path, (size_t)1 << 28), SP_OK);
    assert_int_equal(length, size);
    assert_memory_equal(again, data, size); // it was written anew
    free(again);
    free(data);
    sp_front_forms_destroy(plain);
    sp_front_destroy(front);
    sp_front_cache_in("/nonexistent/folder"); // nothing can be kept there
    front = front_make(0);
    sp_front_forms_destroy(front_forms(front, SP_FRONT_JOINT));
    sp_front_destroy(front);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_forms_have_the_same_bits),
        cmocka_unit_test(what_does_not_prove_itself_is_made_anew),
        cmocka_unit_test(files_that_are_not_what_was_written_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
