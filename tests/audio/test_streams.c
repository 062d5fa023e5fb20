/* Recordings whose header leaves something open or says it wrongly: streams, pipes, standard input,
 * valid bits, integers kept as floats. */
#include "tests/audio/sound.h"

#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FRAMES = 300, RATE = 8000, HEAD = 44, MOST = 4096 };

/* A file in the making. */
typedef struct bytes {
    unsigned char at[MOST];
    size_t size;
    bool big;
} bytes;

static void put(bytes *b, const void *data, size_t size) {
    assert_true(b->size + size <= MOST);
    memcpy(b->at + b->size, data, size);
    b->size += size;
}

static void put_number(bytes *b, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)(value >> (8 * (b->big ? size - 1 - i : i)));
        put(b, &byte, 1);
    }
}

static int sample(size_t i) {
    return (int)(i * 7919 % 20011) - 10000;
}

static void put_samples(bytes *b, size_t frames) {
    for (size_t i = 0; i < frames; i++) {
        put_number(b, (uint16_t)sample(i), 2);
    }
}

static void put_format(bytes *b, uint32_t rate, unsigned channels) {
    put(b, "fmt ", 4);
    put_number(b, 16, 4);
    put_number(b, 1, 2);
    put_number(b, channels, 2);
    put_number(b, rate, 4);
    put_number(b, 2 * rate * channels, 4);
    put_number(b, 2 * channels, 2);
    put_number(b, 16, 2);
}

/* A header with these sizes, and FRAMES samples of 16 bits. */
static void make_wav(bytes *b, const char *id, uint64_t riff, uint64_t data) {
    *b = (bytes){.big = strcmp(id, "RIFX") == 0};
    put(b, id, 4);
    put_number(b, riff, 4);
    put(b, "WAVE", 4);
    put_format(b, RATE, 1);
    put(b, "data", 4);
    put_number(b, data, 4);
    put_samples(b, FRAMES);
}

static void expect_samples(const char *path, size_t frames, const char *note) {
    sp_clip clip;
    expect_clip(&clip, path, NULL);
    if (clip.n != frames || strstr(clip.note, note) == NULL || (note[0] == '\0' && clip.note[0])) {
        fail_msg("%s: %zu samples, \"%s\"", path, clip.n, clip.note);
    }
    for (size_t i = 0; i < frames; i++) {
        assert_true(clip.samples[i] == sample(i));
    }
    sp_clip_clear(&clip);
}

static void streamed_files_are_read_to_their_end(void **state) {
    (void)state;
    static const struct {
        const char *id;
        uint64_t riff, data;
    } heads[] = {
        {"RIFF", 0xFFFFFFFF, 0xFFFFFFFF},        // ffmpeg
        {"RIFF", 0x7FFFF024, 0x7FFFF000},        // sox
        {"RIFF", 0x80000024, 0x80000000},        // arecord
        {"RIFF", 0x7FFFFFFF, 0x7FFFFFFF},        // older ones
        {"RIFF", 0, 0},                          // GStreamer
        {"RIFF", 36, 0},                         //
        {"RIFF", 36 + 2 * FRAMES, 0},            //
        {"RIFF", 0xFFFFFFFF, 0xFFFFFFFF - HEAD}, // less the header
        {"RIFF", 0x7FFFFFFF, 0x7FFFFFFF - 36},   //
        {"RIFX", 0xFFFFFFFF, 0xFFFFFFFF},        //
        {"RIFX", 0, 0},                          //
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char path[PATH_SIZE];
        bytes b;
        make_wav(&b, heads[i].id, heads[i].riff, heads[i].data);
        sound_bytes(path, "audio_streams/stream.wav", b.at, b.size);
        expect_samples(path, FRAMES, "read to the end, 300 samples");
        sound_bytes(path, "audio_streams/stream.wav", b.at, b.size - 1);
        expect_samples(path, FRAMES - 1, "without the last 1 bytes");
    }
}

/* Sizes of 64 bits that were never filled in, or all ones. */
static void streamed_rf64_is_read_to_its_end(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, UINT64_MAX};
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_SIZE];
        bytes b = {.size = 0};
        put(&b, "RF64\xFF\xFF\xFF\xFFWAVEds64", 16);
        put_number(&b, 28, 4);
        put_number(&b, sizes[i], 8);
        put_number(&b, sizes[i], 8);
        put_number(&b, 0, 8);
        put_number(&b, 0, 4);
        put_format(&b, RATE, 1);
        put(&b, "data\xFF\xFF\xFF\xFF", 8);
        put_samples(&b, FRAMES);
        sound_bytes(path, "audio_streams/rf64.wav", b.at, b.size);
        expect_samples(path, FRAMES, "read to the end");
    }
}

static void a_size_that_no_stream_states_is_a_cut_file(void **state) {
    (void)state;
    static const uint64_t sizes[] = {2 * FRAMES + 2, 1000000, 0x40000000, 0x7FF00000, 0xC0000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char path[PATH_SIZE];
        bytes b;
        make_wav(&b, "RIFF", sizes[i] + 36, sizes[i]);
        sound_bytes(path, "audio_streams/cut.wav", b.at, b.size);
        expect_refusal(path, NULL, SP_E_FORMAT, "is cut off");
    }
}

/* An empty data chunk before other chunks, or at the end, is an empty recording. */
static void an_empty_recording_is_no_stream(void **state) {
    (void)state;
    char path[PATH_SIZE];
    bytes b;
    make_wav(&b, "RIFF", 0, 0);
    b.size = HEAD;
    expect_refusal(sound_bytes(path, "audio_streams/none.wav", b.at, b.size), NULL, SP_E_FORMAT,
                   "holds no samples");
    put(&b, "LIST\x04\0\0\0INFOfact\x04\0\0\0\0\0\0\0", 24);
    expect_refusal(sound_bytes(path, "audio_streams/none.wav", b.at, b.size), NULL, SP_E_FORMAT,
                   "holds no samples");
}

static void headers_that_no_recording_has_are_refused(void **state) {
    (void)state;
    char path[PATH_SIZE];
    bytes b;
    make_wav(&b, "RIFF", 36 + 2 * FRAMES, 2 * FRAMES);
    put(&b, "data", 4);
    put_number(&b, 20, 4);
    put_samples(&b, 10);
    expect_refusal(sound_bytes(path, "audio_streams/two.wav", b.at, b.size), NULL, SP_E_UNSUPPORTED,
                   "has 2 data chunks");
    make_wav(&b, "RIFF", 36 + 2 * FRAMES, 2 * FRAMES);
    memset(b.at + 24, 0, 4);
    expect_refusal(sound_bytes(path, "audio_streams/rate.wav", b.at, b.size), NULL, SP_E_FORMAT,
                   "a rate of 0 Hz");
    make_wav(&b, "RIFF", 36 + 2 * FRAMES, 2 * FRAMES);
    memset(b.at + 22, 0, 2);
    expect_refusal(sound_bytes(path, "audio_streams/rate.wav", b.at, b.size), NULL, SP_E_FORMAT,
                   "0 channels");
}

/* Writers forget the byte that makes a chunk's length even. */
static void a_missing_padding_byte_is_forgiven(void **state) {
    (void)state;
    for (int padded = 0; padded < 2; padded++) {
        char path[PATH_SIZE];
        bytes b = {.size = 0};
        put(&b, "RIFF", 4);
        put_number(&b, 0, 4);
        put(&b, "WAVE", 4);
        put_format(&b, RATE, 1);
        put(&b, "LIST\x11\0\0\0INFOICMT\x05\0\0\0hello", 25);
        put(&b, "", padded ? 1 : 0);
        put(&b, "data", 4);
        put_number(&b, 2 * FRAMES, 4);
        put_samples(&b, FRAMES);
        expect_samples(sound_bytes(path, "audio_streams/loose.wav", b.at, b.size), FRAMES, "");
    }
}

/* Runs `read` in a child whose standard input is a pipe with these bytes; 0: it went well. */
static int with_input(const bytes *b, int (*read_it)(void)) {
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        _exit(read_it());
    }
    close(ends[0]);
    assert_int_equal(write(ends[1], b->at, b->size), (ssize_t)b->size); // fits into the pipe
    close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int read_twice(void) {
    sp_error err = {SP_OK, ""};
    sp_clip clip, again;
    if (sp_clip_read(&err, &clip, "-", NULL) != SP_OK || clip.n != FRAMES ||
        clip.samples[5] != sample(5)) {
        return 1;
    }
    if (sp_clip_read(&err, &again, "-", NULL) == SP_OK ||
        strcmp(err.text, "-: standard input can be read once only") != 0) {
        return 2;
    }
    sp_clip_clear(&clip);
    return 0;
}

static int read_nothing(void) {
    sp_error err = {SP_OK, ""};
    sp_clip clip;
    return sp_clip_read(&err, &clip, "-", NULL) == SP_E_FORMAT &&
                   strstr(err.text, "nothing came in") != NULL
               ? 0
               : 1;
}

static void standard_input_is_read_once(void **state) {
    (void)state;
    static const uint64_t sizes[] = {2 * FRAMES, 0xFFFFFFFF};
    bytes b;
    for (size_t i = 0; i < 2; i++) {
        make_wav(&b, "RIFF", sizes[i] + 36, sizes[i]);
        assert_int_equal(with_input(&b, read_twice), 0);
    }
    char path[PATH_SIZE];
    size_t size = 0;
    int left[FRAMES];
    for (size_t i = 0; i < FRAMES; i++) {
        left[i] = sample(i) * 65536;
    }
    sound_integers(path, "audio_streams/in.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, RATE, 1, left,
                   FRAMES);
    unsigned char *flac = sound_load(path, &size);
    b = (bytes){.size = 0};
    put(&b, flac, size);
    free(flac);
    assert_int_equal(with_input(&b, read_twice), 0);
    b.size = 0;
    assert_int_equal(with_input(&b, read_nothing), 0);
}

static void a_named_pipe_is_read_to_its_end(void **state) {
    (void)state;
    char path[PATH_SIZE];
    bytes b;
    make_wav(&b, "RIFF", 0xFFFFFFFF, 0xFFFFFFFF);
    sp_test_scratch("audio_streams/pipe", path, sizeof path);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        FILE *out = fopen(path, "wb");
        _exit(out != NULL && fwrite(b.at, 1, b.size, out) == b.size && fclose(out) == 0 ? 0 : 1);
    }
    expect_samples(path, FRAMES, "read to the end");
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    unlink(path);
}

/* Integers of `valid` bits in a container of `bits`. */
static const char *write_extensible(char *path, unsigned bits, unsigned valid) {
    static const unsigned char pcm[] = {1,    0, 0, 0,    0, 0,    0x10, 0,
                                        0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71};
    const unsigned width = bits / 8;
    bytes b = {.size = 0};
    put(&b, "RIFF", 4);
    put_number(&b, 60 + FRAMES * width, 4);
    put(&b, "WAVEfmt ", 8);
    put_number(&b, 40, 4);
    put_number(&b, 0xFFFE, 2);
    put_number(&b, 1, 2);
    put_number(&b, RATE, 4);
    put_number(&b, RATE * width, 4);
    put_number(&b, width, 2);
    put_number(&b, bits, 2);
    put_number(&b, 22, 2);
    put_number(&b, valid, 2);
    put_number(&b, 4, 4);
    put(&b, pcm, sizeof pcm);
    put(&b, "data", 4);
    put_number(&b, FRAMES * width, 4);
    for (size_t i = 0; i < FRAMES; i++) {
        put_number(&b, (uint32_t)sample(i) << (bits - valid), width);
    }
    return sound_bytes(path, "audio_streams/extensible.wav", b.at, b.size);
}

static void steps_are_those_of_the_valid_bits(void **state) {
    (void)state;
    static const unsigned cases[][3] = {{32, 24, 24}, {24, 20, 20}, {32, 20, 20},
                                        {24, 24, 24}, {16, 0, 16},  {24, 18, 18}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int bits = (int)cases[i][2];
        char path[PATH_SIZE], copy[PATH_SIZE];
        sp_clip clip, again;
        const unsigned valid = cases[i][1] > 0 ? cases[i][1] : cases[i][0];
        expect_clip(&clip, write_extensible(path, cases[i][0], valid), NULL);
        assert_int_equal(clip.bits, bits);
        assert_true(clip.lsb == ldexp(32768.0, 1 - bits) && clip.gap == clip.lsb);
        for (size_t k = 0; k < FRAMES; k++) {
            assert_true(clip.samples[k] == sample(k) * clip.lsb);
        }
        // a copy says the same of its bits
        sp_test_scratch("audio_streams/copy.wav", copy, sizeof copy);
        assert_int_equal(sp_clip_own(&clip), SP_CLIP_KEPT);
        assert_int_equal(sp_clip_write(NULL, copy, &clip, SP_CLIP_OWN), SP_OK);
        expect_clip(&again, copy, NULL);
        assert_int_equal(again.bits, bits);
        assert_int_equal(again.format, clip.format);
        assert_memory_equal(again.samples, clip.samples, FRAMES * sizeof(double));
        sp_clip_clear(&again);
        sp_clip_clear(&clip);
    }
}

static void integers_kept_as_floats_are_noticed(void **state) {
    (void)state;
    static const struct {
        double scale;
        const char *note;
    } cases[] = {{10000.0, "16-bit integers, divide them by 32768"},
                 {4000000.0, "24-bit integers"},
                 {1.0, ""},
                 {1.7, ""}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        double values[FRAMES];
        char path[PATH_SIZE];
        sp_clip clip;
        for (size_t i = 0; i < FRAMES; i++) {
            const double x = cases[c].scale * sin(0.1 * (double)i);
            values[i] = cases[c].scale > 100.0 ? nearbyint(x) : x;
        }
        sound_doubles(path, "audio_streams/floats.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, RATE, 1,
                      values, FRAMES);
        expect_clip(&clip, path, NULL);
        assert_true(cases[c].note[0] ? strstr(clip.note, cases[c].note) != NULL : !clip.note[0]);
        sp_clip_clear(&clip);
    }
}

static void a_mix_is_the_mean_of_all_channels(void **state) {
    (void)state;
    static const sp_clip_options mix = {.downmix = true}, both = {.downmix = true, .channel = 1};
    for (int channels = 1; channels <= 5; channels++) {
        int values[5 * FRAMES];
        char path[PATH_SIZE];
        sp_clip clip;
        for (int i = 0; i < channels * FRAMES; i++) {
            values[i] = sample((size_t)i) * 65536;
        }
        sound_integers(path, "audio_streams/mix.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, RATE,
                       channels, values, FRAMES);
        expect_refusal(path, &both, SP_E_ARGUMENT, "exclude each other");
        expect_clip(&clip, path, &mix);
        assert_int_equal(clip.mixed, channels > 1 ? channels : 0);
        assert_true(clip.lsb == 1.0 && clip.gap == 1.0 / channels);
        for (int i = 0; i < FRAMES; i++) {
            long sum = 0;
            for (int c = 0; c < channels; c++) {
                sum += sample((size_t)(i * channels + c));
            }
            assert_true(clip.samples[i] == ldexp((double)sum / 32768.0 / channels, 15));
        }
        sp_clip_clear(&clip);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streamed_files_are_read_to_their_end),
        cmocka_unit_test(streamed_rf64_is_read_to_its_end),
        cmocka_unit_test(a_size_that_no_stream_states_is_a_cut_file),
        cmocka_unit_test(an_empty_recording_is_no_stream),
        cmocka_unit_test(headers_that_no_recording_has_are_refused),
        cmocka_unit_test(a_missing_padding_byte_is_forgiven),
        cmocka_unit_test(standard_input_is_read_once),
        cmocka_unit_test(a_named_pipe_is_read_to_its_end),
        cmocka_unit_test(steps_are_those_of_the_valid_bits),
        cmocka_unit_test(integers_kept_as_floats_are_noticed),
        cmocka_unit_test(a_mix_is_the_mean_of_all_channels),
    };
    return cmocka_run_group_tests_name("audio/streams", tests, NULL, NULL);
}
