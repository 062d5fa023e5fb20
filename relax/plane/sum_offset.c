// The offset of a plane below the sum of two products: least over pairs of cells, the best pairs
// first. Where cells cross strips, any multipliers of these give a bound; a linear program finds
// good ones. Source: docs/theory/sums.md 3.
#include "relax/plane/sum_impl.h"

enum { SIDES = 2 * SP_SUM_STRIPS, ROWS = SIDES + 2, PIVOTS = 40 };
enum { CORNERS = 2 * SP_POLYGON_CORNERS, COLUMNS = CORNERS + SIDES };
/* Leaving a strip costs so many times what the gaps differ by, in units of its width. */
#define DEAR 64.0

/* ---- cells alone ---- */

static void order(int n, const double *least, int *at) {
    for (int i = 0; i < n; i++) { // by insertion: cells are few
        int k = i;
        for (; k > 0 && least[at[k - 1]] > least[i]; k--) {
            at[k] = at[k - 1];
        }
        at[k] = i;
    }
}

static void cells_alone(const sp_sum_part *part, double a, double b, double *least) {
    for (int i = 0; i < part->cells; i++) {
        const sp_sum_cell *cell = &part->cell[i];
        least[i] = sp_plane_least_gap(cell->corner, cell->corners, a, b) - cell->error;
    }
}

/* ---- a pair of cells that cross strips ---- */

/* The linear program of two cells: the least mixture of the corners of each in the sides of strips
 * that they cross. Its multipliers are all that is used; the bound is evaluated with them. */
typedef struct sp_sum_program {
    const sp_sum_cell *cell[2];
    double gap[2][SP_POLYGON_CORNERS]; /* f - a x - b y */
    int sides;
    double in[SIDES][2][SP_POLYGON_CORNERS], limit[SIDES], size[SIDES]; /* in[0] + in[1] <= limit */
    double cost[SIDES];                                                 /* of leaving it */
    /* basis and its tableau: the corners of both, then what is left in each side; the last column
     * is the right hand side, the last row the reduced costs */
    int rows, columns, basis[ROWS];
    double table[ROWS + 1][COLUMNS + 1];
} sp_sum_program;

static void add_side(sp_sum_program *p, const sp_sum_domain *d, int strip, double sign) {
    const sp_iv range = d->range[strip];
    const int s = p->sides++;
    p->limit[s] = sign > 0.0 ? range.hi : -range.lo;
    p->size[s] = fabs(p->limit[s]);
    for (int i = 0; i < 2; i++) {
        const sp_sum_cell *cell = p->cell[i];
        for (int k = 0; k < cell->corners; k++) {
            p->in[s][i][k] = sign * (d->part[i].a[strip] * cell->corner[k].x +
                                     d->part[i].b[strip] * cell->corner[k].y);
        }
        p->size[s] += sp_iv_mag(cell->in[strip]);
    }
}

static void take_sides(sp_sum_program *p, const sp_sum_domain *d) {
    p->sides = 0;
    for (int k = 0; k < d->strips; k++) {
        const sp_iv one = p->cell[0]->in[k], other = p->cell[1]->in[k];
        if (one.hi + other.hi > d->range[k].hi) {
            add_side(p, d, k, 1.0);
        }
        if (one.lo + other.lo < d->range[k].lo) {
            add_side(p, d, k, -1.0);
        }
    }
}

static int least_corner(const sp_sum_program *p, int i) {
    int least = 0;
    for (int k = 1; k < p->cell[i]->corners; k++) {
        least = p->gap[i][k] < p->gap[i][least] ? k : least;
    }
    return least;
}

static double spread(const sp_sum_program *p) {
    double sum = 0.0;
    for (int i = 0; i < 2; i++) {
        double most = p->gap[i][0], least = most;
        for (int k = 1; k < p->cell[i]->corners; k++) {
            most = sp_relax_max(most, p->gap[i][k]);
            least = sp_relax_min(least, p->gap[i][k]);
        }
        sum += most - least;
    }
    return sum;
}

/* The column of corner k of cell i. */
static int column_of(const sp_sum_program *p, int i, int k) {
    return i == 0 ? k : p->cell[0]->corners + k;
}

/* The least corner of each cell and what is left of each side: where that is negative the row is
 * turned round, and what is missing has a cost. A missing amount has no column: it never comes
 * back. */
static void begin(sp_sum_program *p) {
    const int corners = p->cell[0]->corners + p->cell[1]->corners;
    int start[2];
    double cost[ROWS] = {0.0};
    p->rows = 2 + p->sides;
    p->columns = corners + p->sides;
    for (int r = 0; r <= p->rows; r++) {
        for (int c = 0; c <= p->columns; c++) {
            p->table[r][c] = 0.0;
        }
    }
    for (int i = 0; i < 2; i++) {
        start[i] = least_corner(p, i);
        p->basis[i] = column_of(p, i, start[i]);
        cost[i] = p->gap[i][start[i]];
        p->table[i][p->columns] = 1.0;
        for (int k = 0; k < p->cell[i]->corners; k++) {
            p->table[i][column_of(p, i, k)] = 1.0;
            p->table[p->rows][column_of(p, i, k)] = p->gap[i][k] - cost[i];
        }
    }
    for (int s = 0; s < p->sides; s++) {
        double *row = p->table[2 + s];
        const double left = p->limit[s] - p->in[s][0][start[0]] - p->in[s][1][start[1]];
        const double sign = left >= 0.0 ? 1.0 : -1.0;
        for (int i = 0; i < 2; i++) {
            for (int k = 0; k < p->cell[i]->corners; k++) {
                row[column_of(p, i, k)] = sign * (p->in[s][i][k] - p->in[s][i][start[i]]);
            }
        }
        row[corners + s] = sign;
        row[p->columns] = sign * left;
        p->basis[2 + s] = left >= 0.0 ? corners + s : -1;
        for (int c = 0; c < p->columns && left < 0.0; c++) {
            p->table[p->rows][c] -= p->cost[s] * row[c];
        }
    }
}

static void eliminate(sp_sum_program *p, int row, int column) {
    const double by = 1.0 / p->table[row][column];
    for (int c = 0; c <= p->columns; c++) {
        p->table[row][c] *= by;
    }
    for (int r = 0; r <= p->rows; r++) {
        const double factor = p->table[r][column];
        if (r == row || factor == 0.0) {
            continue;
        }
        for (int c = 0; c <= p->columns; c++) {
            p->table[r][c] -= factor * p->table[row][c];
        }
    }
    p->basis[row] = column;
}

static void minimise(sp_sum_program *p, double tolerance) {
    for (int pivot = 0; pivot < PIVOTS; pivot++) {
        const double *reduced = p->table[p->rows];
        int enter = 0, leave = -1;
        double least = INFINITY;
        for (int c = 1; c < p->columns; c++) {
            enter = reduced[c] < reduced[enter] ? c : enter;
        }
        if (!(reduced[enter] < -tolerance)) {
            return;
        }
        for (int r = 0; r < p->rows; r++) {
            const double ratio = sp_relax_max(p->table[r][p->columns], 0.0) / p->table[r][enter];
            if (p->table[r][enter] > 1e-9 && ratio < least) {
                least = ratio;
                leave = r;
            }
        }
        if (leave < 0) {
            return;
        }
        eliminate(p, leave, enter);
    }
}

/* The mixture of each cell's corners. */
static void touch(const sp_sum_program *p, sp_spot at[2]) {
    for (int i = 0; i < 2; i++) {
        sp_spot_set(&at[i], 0.0, 0.0, 0.0);
        for (int r = 0; r < p->rows; r++) {
            const int k = p->basis[r] - (i == 0 ? 0 : p->cell[0]->corners);
            if (p->basis[r] >= 0 && k >= 0 && k < p->cell[i]->corners) {
                const sp_spot *corner = &p->cell[i]->corner[k];
                const double w = p->table[r][p->columns];
                sp_spot_set(&at[i], at[i].x + w * corner->x, at[i].y + w * corner->y,
                            at[i].f + w * corner->f);
            }
        }
    }
}

/* The bound with the multipliers that the tableau has for what is left of each side: for any that
 * are not negative, f - a x - b y >= that + sum multiplier (in - limit) in the strips. */
static double evaluate(sp_sum_program *p) {
    const int corners = p->cell[0]->corners + p->cell[1]->corners;
    double value = 0.0, size = 0.0;
    for (int s = 0; s < p->sides; s++) {
        const double multiplier = sp_relax_max(p->table[p->rows][corners + s], 0.0);
        for (int i = 0; i < 2 && multiplier > 0.0; i++) {
            for (int k = 0; k < p->cell[i]->corners; k++) {
                p->gap[i][k] += multiplier * p->in[s][i][k];
            }
        }
        value -= multiplier * p->limit[s];
        size += multiplier * p->size[s];
    }
    for (int i = 0; i < 2; i++) {
        value += p->gap[i][least_corner(p, i)] - p->cell[i]->error;
    }
    value -= SP_SUM_MARGIN * size;
    return value == value ? value : -INFINITY; // NaN fails
}

/* f - a x - b y of both on two cells and in all strips, at least. */
static double crossing(const sp_sum_domain *d, int one, int other, const double slope[4],
                       sp_spot at[2]) {
    sp_sum_program p;
    p.cell[0] = &d->part[0].cell[one];
    p.cell[1] = &d->part[1].cell[other];
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < p.cell[i]->corners; k++) {
            p.gap[i][k] = sp_spot_gap(&p.cell[i]->corner[k], slope[2 * i], slope[2 * i + 1]);
        }
    }
    take_sides(&p, d);
    const double by = spread(&p);
    for (int s = 0; s < p.sides; s++) {
        double width = 0.0;
        for (int i = 0; i < 2; i++) {
            for (int k = 1; k < p.cell[i]->corners; k++) {
                width = sp_relax_max(width, fabs(p.in[s][i][k] - p.in[s][i][0]));
            }
        }
        p.cost[s] = width > 0.0 ? DEAR * by / width : 0.0;
    }
    begin(&p);
    minimise(&p, 1e-9 * by);
    touch(&p, at);
    return evaluate(&p);
}

/* ---- all pairs ---- */

static double inside(const sp_sum_domain *d, int one, int other, const double slope[4],
                     sp_spot at[2]) {
    const int cell[2] = {one, other};
    double sum = 0.0;
    for (int i = 0; i < 2; i++) {
        const sp_sum_cell *c = &d->part[i].cell[cell[i]];
        double least = INFINITY;
        for (int k = 0; k < c->corners; k++) {
            const double gap = sp_spot_gap(&c->corner[k], slope[2 * i], slope[2 * i + 1]);
            at[i] = gap < least ? c->corner[k] : at[i];
            least = sp_relax_min(least, gap);
        }
        sum += least - c->error;
    }
    return sum;
}

double sp_sum_offset(const sp_sum_domain *d, const double slope[4], sp_spot at[2]) {
    double least[2][SP_SUM_CELLS], best = INFINITY, reach = 1.0;
    int first[2][SP_SUM_CELLS];
    for (int i = 0; i < 2; i++) {
        const sp_sum_part *part = &d->part[i];
        cells_alone(part, slope[2 * i], slope[2 * i + 1], least[i]);
        order(part->cells, least[i], first[i]);
        reach += fabs(slope[2 * i]) * sp_iv_mag(part->box.x) +
                 (fabs(slope[2 * i + 1]) + 1.0) * sp_iv_mag(part->box.y);
    }
    for (int i = 0; i < d->part[0].cells; i++) {
        const int one = first[0][i];
        for (int j = 0; j < d->part[1].cells; j++) {
            const int other = first[1][j];
            const unsigned char meeting = d->meeting[one][other];
            sp_spot spot[2];
            if (!(least[0][one] + least[1][other] < best)) {
                break; // no better pair with this cell
            }
            if (meeting == SP_SUM_APART) {
                continue;
            }
            const double value = meeting == SP_SUM_INSIDE ? inside(d, one, other, slope, spot)
                                                          : crossing(d, one, other, slope, spot);
            if (value < best) {
                best = value;
                at[0] = spot[0];
                at[1] = spot[1];
            }
        }
    }
    const double offset = best - SP_SUM_MARGIN * (reach + fabs(best));
    return best < INFINITY && offset == offset ? offset : -INFINITY; // NaN fails
}
