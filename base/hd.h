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

#endif
