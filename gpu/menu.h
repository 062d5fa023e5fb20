/* Entries of the menus of lines and planes, with the mass that rounding needs of them. Host and
 * device. */
#ifndef SP_GPU_MENU_H
#define SP_GPU_MENU_H

#include "base/hd.h"
#include "base/interval.h"
#include "gpu/ops.h"

/** sp_gpu_menu_part - |w| x, and no 0 where it underflows. */
SP_HD double sp_gpu_menu_part(double w, double x) {
    const double part = fabs(w) * x;
    return part == 0.0 && w != 0.0 && x != 0.0 ? SP_IV_LEAST : part;
}

/** sp_gpu_menu_raise - the mass of a unit out of that of the entries before e and of entry e; x and
 *  y are the magnitudes of its arguments on the domain. An exact 0 stays 0: it needs no error term,
 *  and a subnormal would slow every product with it. */
SP_HD double sp_gpu_menu_raise(double mass, size_t e, sp_plane p, double x, double y) {
    const double entry = sp_gpu_menu_part(p.a, x) + sp_gpu_menu_part(p.b, y) + fabs(p.c);
    if (e > 0 && entry <= mass) {
        return mass;
    }
    return entry > 0.0 ? sp_above(sp_above(sp_above(entry))) : entry;
}

/** sp_gpu_menu_store - entry e of unit j; a line has b = 0. */
SP_HD void sp_gpu_menu_store(const sp_gpu_menu *menu, size_t e, size_t j, sp_plane plane) {
    const size_t at = e * menu->n + j;
    menu->a[at] = plane.a;
    menu->c[at] = plane.c;
    if (menu->b != NULL) {
        menu->b[at] = plane.b;
    }
    if (menu->rough != NULL) {
        float *entry = menu->rough + e * 3 * menu->n + j;
        entry[0] = (float)plane.a;
        entry[menu->n] = (float)plane.b;
        entry[2 * menu->n] = (float)plane.c;
    }
}

/** sp_gpu_menu_weigh - the mass of unit j out of all its entries. */
SP_HD void sp_gpu_menu_weigh(const sp_gpu_menu *menu, size_t j, double x, double y) {
    double mass = 0.0;
    for (size_t e = 0; e < menu->entries; e++) {
        const size_t at = e * menu->n + j;
        const sp_plane p = {menu->a[at], menu->b != NULL ? menu->b[at] : 0.0, menu->c[at]};
        mass = sp_gpu_menu_raise(mass, e, p, x, y);
    }
    menu->mass[j] = mass;
}

/** sp_gpu_menu_of - the menu of the clip that stands `offset` doubles further. */
SP_HD sp_gpu_menu sp_gpu_menu_of(const sp_gpu_menu *menu, size_t offset) {
    sp_gpu_menu m = *menu;
    m.a += offset;
    m.c += offset;
    m.constant += offset;
    m.mass += offset;
    m.b = m.b != NULL ? m.b + offset : NULL;
    m.rough = m.rough != NULL ? m.rough + offset * (sizeof(double) / sizeof(float)) : NULL;
    return m;
}

#endif
