/* Memory of one piece of work, which grows block by block and is given back together. */
#ifndef SP_BASE_REGION_H
#define SP_BASE_REGION_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sp_region {
    struct sp_region_piece *first; /* owned */
    size_t left;                   /* bytes of the budget; SIZE_MAX: as many as there are */
} sp_region;

/** sp_region_take - count zeroed objects that live until sp_region_clear; NULL beyond the
 *  budget. */
void *sp_region_take(sp_region *region, size_t count, size_t size);
/** sp_region_clear - gives all back, and begins anew with a budget. */
void sp_region_clear(sp_region *region, size_t budget);

#ifdef __cplusplus
}
#endif
#endif
