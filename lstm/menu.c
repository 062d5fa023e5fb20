// Entries of the menus of lines and planes, with the mass that rounding needs of them.
#include <math.h>

#include "lstm/impl.h"

/* An exact 0 stays 0: it needs no error term, and a subnormal would slow every product with it. */
static double raise_mass(double mass, size_t e, double entry) {
    if (e > 0 && entry <= mass) {
        return mass;
    }
    return entry > 0.0 ? sp_above(sp_above(sp_above(entry))) : entry;
}

static void set_rough(sp_gpu_menu *menu, size_t e, size_t j, sp_plane plane) {
    if (menu->rough != NULL) {
        float *entry = menu->rough + e * 3 * menu->n + j;
        entry[0] = (float)plane.a;
        entry[menu->n] = (float)plane.b;
        entry[2 * menu->n] = (float)plane.c;
    }
}

void sp_menu_line(sp_gpu_menu *menu, size_t e, size_t j, sp_line line, double x) {
    const size_t at = e * menu->n + j;
    set_rough(menu, e, j, (sp_plane){line.w, 0.0, line.c});
    menu->a[at] = line.w;
    menu->c[at] = line.c;
    menu->mass[j] = raise_mass(menu->mass[j], e, fabs(line.w) * x + fabs(line.c));
}

void sp_menu_plane(sp_gpu_menu *menu, size_t e, size_t j, sp_plane plane, double x, double y) {
    const size_t at = e * menu->n + j;
    set_rough(menu, e, j, plane);
    menu->a[at] = plane.a;
    menu->b[at] = plane.b;
    menu->c[at] = plane.c;
    menu->mass[j] =
        raise_mass(menu->mass[j], e, fabs(plane.a) * x + fabs(plane.b) * y + fabs(plane.c));
}
