// The table of domains.
#include "lstm/domain.h"

static const sp_domain *const domains[] = {&sp_domain_interval, &sp_domain_backsub,
                                           &sp_domain_r2opt, &sp_domain_zonotope};

const sp_domain *const *sp_domains(size_t *count) {
    *count = sizeof domains / sizeof domains[0];
    return domains;
}

sp_status sp_domain_serves_task(sp_error *err, const sp_domain *domain, const sp_bound_task *task) {
    const struct {
        bool asked;
        unsigned serves;
        const char *what;
    } demands[] = {{task->within != NULL, SP_SERVES_HALFSPACE, "halfspaces of the noise set"},
                   {task->lines, SP_SERVES_LINES, "lines below objectives"},
                   {task->clips > 1, SP_SERVES_BATCH, "several clips at once"}};
    for (size_t i = 0; i < sizeof demands / sizeof demands[0]; i++) {
        if (demands[i].asked && (domain->serves & demands[i].serves) == 0) {
            return sp_fail(err, SP_E_ARGUMENT, "the domain %s does not know %s", domain->name,
                           demands[i].what);
        }
    }
    return SP_OK;
}

sp_status sp_domain_bound(sp_error *err, const sp_domain *domain, const sp_bound_task *task,
                          const void *options, double *lower, double *error, const double *weight,
                          size_t rows) {
    void *self = NULL;
    SP_TRY(sp_domain_serves_task(err, domain, task));
    sp_status status = domain->create(err, &self, task, options);
    if (status == SP_OK) {
        status = domain->margins(err, self, lower, error, weight, rows);
    }
    domain->destroy(self);
    return status;
}
