/* R2's planes: the linear program of [R2, Eq 2] by GLPK, then the exact offset. The only file that
 * touches GLPK. Source: docs/theory/planes.md 5.
 *
 * Primal: max sum of a x_i + b y_i + c subject to a x_i + b y_i + c <= f_i, 100 rows and 3 free
 * columns. Solved here as its dual, min sum f_i u_i subject to sum u_i (x_i, y_i, 1) = sum (x_i,
 * y_i, 1), u >= 0: three rows, whose multipliers are (a, b, c). Coordinates are those of the unit
 * square about its centre; from f the tangent plane at the centre is taken off and the rest scaled
 * to 1, so that GLPK's absolute tolerances fit boxes of any size. */
#include <glpk.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <string.h>

#include "relax/plane/plane_anchor.h"
#include "relax/r2/r2_sample.h"
#include "relax/relax.h"

enum { TIME_LIMIT_MS = 2000 };

/* The corners of the box bind the planes of OPT, but do not count in their objective. */
enum { CORNERS = 4, MOST_POINTS = SP_R2_POINTS + CORNERS };

typedef struct lp_data {
    int points;                            /* the first SP_R2_POINTS count in the objective */
    double x[MOST_POINTS], y[MOST_POINTS]; /* in [-1/2, 1/2] */
    double f[MOST_POINTS];                 /* f less its tangent plane, scaled */
    double slope_x, slope_y;               /* result, scaled */
} lp_data;

static void solver_fault(void *place) {
    longjmp(*(jmp_buf *)place, 1);
}

/* solve_dual - 0 and the slopes, or GLPK's reason. */
static int solve_dual(lp_data *data, glp_prob *lp) {
    int row[4] = {0, 1, 2, 3};
    double sum[3] = {0.0, 0.0, SP_R2_POINTS};
    glp_smcp options;
    glp_add_rows(lp, 3);
    glp_add_cols(lp, data->points);
    for (int i = 0; i < data->points; i++) {
        double column[4] = {0.0, data->x[i], data->y[i], 1.0};
        sum[0] += i < SP_R2_POINTS ? data->x[i] : 0.0;
        sum[1] += i < SP_R2_POINTS ? data->y[i] : 0.0;
        glp_set_mat_col(lp, i + 1, 3, row, column);
        glp_set_col_bnds(lp, i + 1, GLP_LO, 0.0, 0.0);
        glp_set_obj_coef(lp, i + 1, data->f[i]);
    }
    for (int k = 0; k < 3; k++) {
        glp_set_row_bnds(lp, k + 1, GLP_FX, sum[k], sum[k]);
    }
    glp_init_smcp(&options);
    options.msg_lev = GLP_MSG_OFF;
    options.tm_lim = TIME_LIMIT_MS;
    glp_std_basis(lp);
    const int failure = glp_simplex(lp, &options);
    if (failure != 0) {
        return failure;
    }
    if (glp_get_status(lp) != GLP_OPT) {
        return -glp_get_status(lp);
    }
    data->slope_x = glp_get_row_dual(lp, 1);
    data->slope_y = glp_get_row_dual(lp, 2);
    return 0;
}

static int solve(lp_data *data) {
    glp_prob *lp = glp_create_prob();
    const int failure = solve_dual(data, lp);
    glp_delete_prob(lp);
    return failure;
}

/* solve_in_thread - GLPK keeps one environment per thread. Unless the calling program has made it,
 * it is ours to give back, and a fault inside GLPK (it ends the process by default) comes back
 * here. */
static int solve_in_thread(lp_data *data) {
    jmp_buf place;
    volatile int failure = GLP_EFAIL;
    if (glp_init_env() != 0) {
        return solve(data);
    }
    if (setjmp(place) == 0) {
        glp_error_hook(solver_fault, &place);
        failure = solve(data);
    }
    glp_free_env();
    return failure;
}

/* solve_safely - one thread at a time where GLPK was built without thread-local storage. */
static int solve_safely(lp_data *data) {
    static pthread_mutex_t alone = PTHREAD_MUTEX_INITIALIZER;
    if (glp_config("TLS") != NULL) {
        return solve_in_thread(data);
    }
    pthread_mutex_lock(&alone);
    const int failure = solve_in_thread(data);
    pthread_mutex_unlock(&alone);
    return failure;
}

/* side - the length of a side; 0 for one so thin that its slope keeps the tangent plane's. */
static double side(sp_iv x) {
    const double length = x.hi - x.lo;
    return length >= SP_PLANE_THIN ? length : 0.0;
}

/* fold - into triangle 1 to 4 of the unit square about its centre: below and above the rising
 * diagonal, below and above the falling one. 0: the whole square. */
static void fold(int triangle, double *x, double *y) {
    const double u = *x, v = *y;
    const double above = triangle <= 2 ? v - u : u + v;
    if (triangle == 0 || (triangle % 2 == 1 ? above <= 0.0 : above >= 0.0)) {
        return;
    }
    *x = triangle <= 2 ? v : -v;
    *y = triangle <= 2 ? u : -u;
}

/* take_points - R2's sample of a domain in the unit square, and the corners for OPT's triangles. */
static void take_points(lp_data *data, uint64_t seed, int triangle) {
    sp_r2_points(seed, data->x, data->y);
    for (int i = 0; i < SP_R2_POINTS; i++) {
        data->x[i] -= 0.5;
        data->y[i] -= 0.5;
        fold(triangle, &data->x[i], &data->y[i]);
    }
    data->points = triangle == 0 ? SP_R2_POINTS : MOST_POINTS;
    for (int i = 0; i < CORNERS; i++) {
        data->x[SP_R2_POINTS + i] = i % 2 == 0 ? -0.5 : 0.5;
        data->y[SP_R2_POINTS + i] = i < 2 ? -0.5 : 0.5;
    }
}

/* lower_slopes - 0 and the slopes of the lower plane, or GLPK's reason. */
static int lower_slopes(sp_product f, sp_box box, uint64_t seed, int triangle, double *a,
                        double *b) {
    lp_data data;
    const double width = side(box.x), height = side(box.y);
    const double xc = sp_relax_middle(box.x), yc = sp_relax_middle(box.y);
    double scale = 0.0;
    sp_plane_gradient(f, xc, yc, a, b);
    take_points(&data, seed, triangle);
    for (int i = 0; i < data.points; i++) {
        data.x[i] = width > 0.0 ? data.x[i] : 0.0;
        data.y[i] = height > 0.0 ? data.y[i] : 0.0;
        const double dx = width * data.x[i], dy = height * data.y[i];
        data.f[i] = sp_product_value(f, xc + dx, yc + dy) - *a * dx - *b * dy;
    }
    const double base = sp_product_value(f, xc, yc);
    for (int i = 0; i < data.points; i++) {
        data.f[i] -= base;
        scale = sp_relax_max(scale, fabs(data.f[i]));
    }
    if (!(scale > 1e-14 * fabs(base)) || (width == 0.0 && height == 0.0)) {
        return 0; // flat to rounding: the tangent plane is the answer
    }
    for (int i = 0; i < data.points; i++) {
        data.f[i] /= scale;
    }
    const int failure = solve_safely(&data);
    if (failure == 0) {
        *a += width > 0.0 ? scale * data.slope_x / width : 0.0;
        *b += height > 0.0 ? scale * data.slope_y / height : 0.0;
    }
    return failure;
}

static sp_status plane_pair(sp_error *err, sp_plane_pair *planes, sp_product f, sp_box box,
                            uint64_t seed, int triangle) {
    const sp_box flipped = sp_plane_flip(box);
    double a, b, a_flipped, b_flipped;
    *planes = sp_plane_interval(f, box);
    if (!sp_plane_box_usable(box)) {
        return SP_OK;
    }
    int failure = lower_slopes(f, box, seed, triangle, &a, &b);
    if (failure == 0) {
        failure = lower_slopes(f, flipped, seed, triangle, &a_flipped, &b_flipped);
    }
    if (failure != 0) {
        return sp_fail(err, SP_E_SOLVER,
                       "GLPK gave no plane on [%g, %g] x [%g, %g] (code %d): use --method exact, "
                       "which needs no solver",
                       box.x.lo, box.x.hi, box.y.lo, box.y.hi, failure);
    }
    planes->lower.a = a;
    planes->lower.b = b;
    planes->lower.c = sp_plane_offset_lower(f, box, a, b);
    planes->upper.a = -a_flipped;
    planes->upper.b = b_flipped;
    planes->upper.c = -sp_plane_offset_lower(f, flipped, a_flipped, b_flipped);
    return SP_OK;
}

sp_status sp_plane_r2_lp(sp_error *err, sp_plane_pair *planes, sp_product f, sp_box box,
                         uint64_t seed) {
    return plane_pair(err, planes, f, box, seed, 0);
}

sp_status sp_plane_r2_candidates(sp_error *err, sp_plane_pair planes[SP_R2_CANDIDATES],
                                 sp_product f, sp_box box, uint64_t seed) {
    for (int k = 0; k < SP_R2_CANDIDATES; k++) {
        SP_TRY(plane_pair(err, &planes[k], f, box, seed, k));
    }
    return SP_OK;
}
