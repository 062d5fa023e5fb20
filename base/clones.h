/* Hot loops compiled once for each generation of x86-64, the fitting one chosen as the program
 * starts: a package for old processors is then fast on new ones. Empty where the compiler may use
 * AVX2 anyway, where there are no indirect functions, and under sanitizers, which these precede. */
#ifndef SP_BASE_CLONES_H
#define SP_BASE_CLONES_H

#include <stddef.h> /* __GLIBC__ */

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&       \
    __GNUC__ >= 12 && !defined(__AVX2__) && !defined(__SANITIZE_ADDRESS__) &&                      \
    !defined(__SANITIZE_THREAD__)
#define SP_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define SP_CLONES
#endif

#endif
