/* The parts of `soundproof bench`. Private to this folder. */
#ifndef SP_CLI_BENCH_H
#define SP_CLI_BENCH_H

#include "cli/impl.h"

/* The options that only bench has. */
enum { BENCH_DATA };

/* ---- printing (bench_figure.c) ---- */

/** bench_figure - prints one figure: a line of the table, or with --json an object with these keys.
 *  `target` is what the project asks for ("<= 4"), or "". */
void bench_figure(const cli_options *options, const char *topic, const char *what, double value,
                  const char *unit, const char *target);

/* ---- what is measured on (bench_case.c) ---- */

/** bench_case - the network, its front end and a folder of clips, or a random net of the same
 *  shape. */
typedef struct bench_case {
    sp_model model; /* with_model */
    sp_net random;  /* otherwise */
    const sp_net *net;
    sp_front *front;
    char *clips;                   /* owned; folder of real clips, or NULL */
    char *model_file, *front_file; /* owned; with_model, front_file may be NULL */
    bool with_model;
} bench_case;
/** bench_case_open - -1, or the exit code after a message. */
int bench_case_open(bench_case *c, const cli_options *options);
void bench_case_clear(bench_case *c);
/** bench_case_net - a random net like FSDD's with LSTMs of width `hidden`: dense 10 -> 40, ReLU,
 *  two LSTMs, dense -> 10. */
SP_NODISCARD sp_status bench_case_net(sp_error *err, sp_net *net, size_t hidden);
/** bench_case_find - the first file of the folder, in order of names, with that many frames.
 *  O name [64] of the file */
bool bench_case_find(sp_clip *clip, char name[64], const bench_case *c, size_t frames);
/** bench_case_clip - a clip of `frames` frames: the first real one by name, or white noise.
 *  O name [64] what it is, for people */
SP_NODISCARD sp_status bench_case_clip(sp_error *err, sp_clip *clip, char name[64],
                                       const bench_case *c, size_t frames);

/** bench_case_clips - `count` clips of all lengths: real ones, spread over the folder in order of
 *  names, or white noise of 8 to 24 frames. clip[i] is cleared by the caller, also after a failure.
 */
SP_NODISCARD sp_status bench_case_clips(sp_error *err, sp_clip *clip, size_t count,
                                        const bench_case *c);

/* ---- matrix products (bench_gemm.c) ---- */

/** bench_gemm_rate - floating point operations per second of c[m,n] = a[m,k] b[k,n], all threads
 *  working on products of their own; `threads` of them. 0 when memory is out. */
double bench_gemm_rate(size_t m, size_t n, size_t k, int threads, double seconds);
/** bench_gemm_cpu_rate - the same per second of processor time, all threads together: what others
 *  do on the machine changes it less. BENCH_LARGE - products large enough for the best rate. */
double bench_gemm_cpu_rate(size_t m, size_t n, size_t k, int threads, double seconds);
enum { BENCH_LARGE = 768 };

/* ---- one pass (bench_pass.c) ---- */

/** bench_pass - one method on one clip at one budget. Best of several repetitions. */
typedef struct bench_pass {
    double front_seconds; /* bounds of the features */
    double seconds;       /* all boxes and all labels */
    double cpu_seconds;   /* of both together */
    double flops;         /* of the matrix products in `seconds`, counted by the engine */
} bench_pass;
SP_NODISCARD sp_status bench_pass_run(sp_error *err, bench_pass *pass, const bench_case *c,
                                      const sp_method *method, const sp_clip *clip,
                                      size_t repetitions);
/** bench_pass_flops - the same number of operations by formula, see the definition. */
double bench_pass_flops(const sp_net *net, const sp_front_layout *layout, size_t frames);

/* ---- the backend (bench_kernels.c, bench_backend.c) ---- */

/** bench_kernels - rates of products and copies, and kernels against them; bench_backend - where
 *  the time of whole clips goes, growth, cost model and plans: CLI_OK, or the exit code after a
 *  message. */
int bench_kernels(const cli_options *options);
int bench_backend(const cli_options *options, const bench_case *c);

/* ---- many clips (bench_many.c) ---- */

/** bench_many - clips per second, together and one after the other: CLI_OK, or the exit code after
 *  a message. */
int bench_many(const cli_options *options, const bench_case *c);

/* ---- a process (bench_process.c) ---- */

/** bench_process - a process that certifies one clip against the pass: CLI_OK, or the exit code
 *  after a message. */
int bench_process(const cli_options *options, const bench_case *c);

/* ---- planes (bench_planes.c) ---- */

/** bench_planes_run - seconds per plane of both products on one core, on the boxes that an `exact`
 *  pass over the clip meets. */
SP_NODISCARD sp_status bench_planes_run(sp_error *err, double seconds_per_plane[2],
                                        const bench_case *c, const sp_clip *clip);

#endif
