// Plans of cells.
#include "train/pass/cell_plan.h"

size_t sp_train_cell_after(const sp_train_cell_plan *plan, size_t state) {
    for (size_t i = 0; i < plan->steps.states; i++) {
        if (plan->steps.state[i].before == (int)state) {
            return (size_t)plan->steps.state[i].after;
        }
    }
    return (size_t)plan->steps.output;
}

/* (1 - gate(a)) tanh(n) + gate(a) h. */
static bool is_blend(const sp_cell_steps *s, const sp_cell_variable *v) {
    if (v->op != SP_CELL_SUM || v->range != SP_CELL_RANGE_BLEND) {
        return false;
    }
    const sp_cell_variable *rest = &s->variable[v->a], *kept = &s->variable[v->b];
    return rest->op == SP_CELL_PRODUCT && kept->op == SP_CELL_PRODUCT && rest->complement &&
           !kept->complement && rest->a == kept->a && rest->second_tanh && !kept->second_tanh;
}

static void find_blend(sp_train_cell_plan *plan) {
    const sp_cell_steps *s = &plan->steps;
    for (size_t i = 0; i < s->count; i++) {
        if (s->variable[i].used && is_blend(s, &s->variable[i])) {
            plan->blend = (int)i;
            plan->skip[s->variable[i].a] = plan->skip[s->variable[i].b] = true;
        }
    }
}

static void read_raw(sp_train_cell_plan *plan, bool *raw, int v) {
    if (v != SP_NO_VARIABLE && plan->steps.variable[v].op == SP_CELL_STATE) {
        v = (int)sp_train_cell_after(plan, (size_t)v); // where it stands, one step earlier
    }
    if (v != SP_NO_VARIABLE) {
        raw[v] = true;
    }
}

static void read_through(sp_train_cell_plan *plan, bool *through, int v, sp_activation f) {
    through[v] = true;
    plan->function[v] = f;
}

/* Who reads what, and how. */
static void find_readers(sp_train_cell_plan *plan, bool *raw, bool *through) {
    const sp_activation tangent = {.kind = SP_ACTIVATION_TANH};
    const sp_cell_steps *s = &plan->steps;
    for (size_t i = 0; i < s->count; i++) {
        const sp_cell_variable *v = &s->variable[i];
        if (!v->used) {
            continue;
        }
        switch (v->op) {
        case SP_CELL_STATE:
            break;
        case SP_CELL_PRODUCT: // also of those that a blend stands for
            read_through(plan, through, v->a, v->f);
            if (v->second_tanh) {
                read_through(plan, through, v->b, tangent);
            } else {
                read_raw(plan, raw, v->b);
            }
            break;
        case SP_CELL_CURVE:
            read_through(plan, through, v->a, v->f);
            break;
        case SP_CELL_IMAGE:
            read_raw(plan, raw, v->b);
            break;
        case SP_CELL_SUM:
        case SP_CELL_DIFFERENCE:
            read_raw(plan, raw, v->a);
            read_raw(plan, raw, v->b);
            break;
        }
    }
}

static void place(sp_train_cell_plan *plan, const bool *raw, const bool *through) {
    const sp_cell_steps *s = &plan->steps;
    plan->slots = s->images;
    for (size_t i = 0; i < s->count; i++) {
        const sp_cell_variable *v = &s->variable[i];
        plan->raw[i] = plan->through[i] = SP_TRAIN_NO_SLOT;
        if (!v->used || plan->skip[i]) {
            continue;
        }
        if (v->op == SP_CELL_IMAGE) {
            plan->raw[i] = v->place;
        } else if (raw[i] && (int)i != s->output && v->op != SP_CELL_STATE) {
            plan->raw[i] = plan->slots++;
        }
        if (through[i]) {
            const bool alone = v->op == SP_CELL_IMAGE && !raw[i];
            plan->through[i] = alone ? v->place : plan->slots++;
        }
    }
}

static bool find_groups(sp_train_cell_plan *plan) {
    const sp_cell_steps *s = &plan->steps;
    for (size_t i = 0; i < s->count; i++) {
        const sp_cell_variable *v = &s->variable[i];
        if (v->op != SP_CELL_IMAGE || !v->used || v->a == SP_NO_VARIABLE) {
            continue;
        }
        if (s->variable[v->a].op != SP_CELL_STATE ||
            sp_train_cell_after(plan, (size_t)v->a) != (size_t)s->output) {
            return false;
        }
        sp_train_cell_group *last = plan->groups > 0 ? &plan->group[plan->groups - 1] : NULL;
        if (last != NULL && v->place == last->place + last->count &&
            v->block == last->block + last->count) {
            last->count++;
        } else {
            plan->group[plan->groups++] = (sp_train_cell_group){v->place, v->block, 1};
        }
    }
    return true;
}

bool sp_train_cell_plan_make(sp_train_cell_plan *plan, const sp_cell *cell, bool boxes) {
    bool raw[SP_CELL_VARIABLES] = {false}, through[SP_CELL_VARIABLES] = {false};
    *plan = (sp_train_cell_plan){.blend = SP_NO_VARIABLE};
    sp_cell_describe(&plan->steps, cell);
    if (boxes) {
        find_blend(plan);
    }
    find_readers(plan, raw, through);
    place(plan, raw, through);
    return find_groups(plan) && sp_cell_is_plain(cell);
}
