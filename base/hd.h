/* The only compiler extensions of the project: code shared by host and device, and attributes. */
#ifndef SP_BASE_HD_H
#define SP_BASE_HD_H

#if defined(__CUDACC__)
#define SP_HD __host__ __device__ static __forceinline__
#else
#define SP_HD static inline
#endif

#if defined(__GNUC__) || defined(__clang__)
#define SP_NODISCARD __attribute__((warn_unused_result))
#define SP_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define SP_RESTRICT __restrict__
#else
#define SP_NODISCARD
#define SP_PRINTF(text, first)
#define SP_RESTRICT
#endif

/* SP_CLONES - before a hot loop: it is compiled once for each generation of x86-64, the fitting one
 * is chosen as the program starts, and a build for old processors is fast on new ones. Empty where
 * the compiler may use AVX2 anyway, where there are no indirect functions, and under sanitizers,
 * which these precede. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) &&       \
    !defined(__AVX2__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if __GNUC__ >= 12
#define SP_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#endif
#endif
#ifndef SP_CLONES
#define SP_CLONES
#endif

/* SP_CPU_HAS - whether this processor has such instructions ("avx2" ...); false: unknown. */
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define SP_CPU_HAS(instructions) __builtin_cpu_supports(instructions)
#else
#define SP_CPU_HAS(instructions) false
#endif

/* SP_ASAN - whether the address sanitizer watches this build: arenas then have red zones. */
#if defined(__SANITIZE_ADDRESS__)
#define SP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SP_ASAN 1
#endif
#endif
#ifndef SP_ASAN
#define SP_ASAN 0
#endif

/* SP_UNWATCHED - before a function whose accesses the address sanitizer does not check. */
#if SP_ASAN
#define SP_UNWATCHED __attribute__((no_sanitize_address))
#else
#define SP_UNWATCHED
#endif

#endif
