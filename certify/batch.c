/* Certificates of many clips and budgets: one by one on the CPU's threads; on a device the passes
 * of all of them together (schedule.c). */
#include <stdlib.h>

#include "base/pool.h"
#include "certify/impl.h"

typedef struct sp_item {
    const sp_certify_item *work;
    sp_query query;
    sp_front_bound front;
    sp_objectives objectives; /* its status: of the first step that failed */
    bool open;                /* there is something to bound */
} sp_item;

typedef struct sp_batch {
    const sp_pipeline *pipeline;
    double timeout;
    sp_item *item;
} sp_batch;

static void open_item(void *context, size_t index) {
    const sp_batch *batch = context;
    sp_item *item = &batch->item[index];
    const sp_query_options options = {item->work->budget, NULL, item->work->label, batch->timeout,
                                      item->work->keep};
    sp_error err = {0};
    bool settled = false;
    sp_status status = sp_query_open(&err, &item->query, item->work->verdict, batch->pipeline,
                                     item->work->clip, &options, &settled);
    item->open = status == SP_OK && !settled;
    if (item->open) {
        status = sp_query_bound(&err, &item->query, &item->front, &item->objectives);
    }
    item->objectives.status = status;
    item->objectives.err = err;
}

static void close_item(void *context, size_t index) {
    const sp_batch *batch = context;
    sp_item *item = &batch->item[index];
    const sp_objectives *o = &item->objectives;
    if (item->open) {
        sp_query_judge(&item->query, o);
    }
    sp_query_close(&o->err, &item->query, o->status);
    sp_objectives_clear(&item->objectives);
    sp_front_bound_clear(&item->front);
}

static void certify_one(void *context, size_t index) {
    const sp_batch *batch = context;
    const sp_certify_item *work = batch->item[index].work;
    const sp_status status = sp_certify_kept(NULL, work->verdict, batch->pipeline, work->clip,
                                             work->budget, work->label, batch->timeout, work->keep);
    (void)status; // the verdict tells
}

static void certify_together(sp_batch *batch, sp_objectives **list, size_t count) {
    size_t open = 0;
    sp_pool_run(count, 0, open_item, batch);
    for (size_t i = 0; i < count; i++) {
        if (batch->item[i].open) {
            list[open++] = &batch->item[i].objectives;
        }
    }
    sp_schedule_run(batch->pipeline->method, batch->pipeline->net, list, open);
    sp_pool_run(count, 0, close_item, batch);
}

sp_status sp_certify_all(sp_error *err, const sp_pipeline *pipeline, const sp_certify_item *work,
                         size_t count, double timeout) {
    sp_item *items = calloc(count > 0 ? count : 1, sizeof *items);
    sp_objectives **list = calloc(count > 0 ? count : 1, sizeof(sp_objectives *));
    sp_batch batch = {pipeline, timeout, items};
    sp_status status = SP_OK;
    for (size_t i = 0; items && i < count; i++) {
        items[i].work = &work[i];
    }
    if (!items || !list) {
        status = sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", count);
    } else if (sp_certify_group() > 1) {
        certify_together(&batch, list, count);
    } else {
        sp_pool_run(count, 0, certify_one, &batch);
    }
    free(items);
    free(list);
    return status;
}
