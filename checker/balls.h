/* Arb's balls, which are a library of their own before FLINT 3. */
#ifndef CK_BALLS_H
#define CK_BALLS_H
#if __has_include(<flint/arb.h>)
#include <flint/arb.h>
#include <flint/arb_mat.h>
#else
#include <arb.h>
#include <arb_mat.h>
#endif
#include <flint/fmpq.h>
#endif
