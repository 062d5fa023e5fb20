/* soundproof report: the page of all clips, or a page for each. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report/report_job.h"

static sp_study *study_of(const cli_job *j, size_t clip) {
    return &((cli_report_item *)cli_job_item(j, clip))->study;
}

/* The page of one clip, and its row on that of all. */
void cli_report_page(cli_report_job *own, size_t index) {
    cli_job *j = &own->base;
    const cli_clips *clips = &j->session.clips;
    const sp_study *study = study_of(j, index);
    const size_t room = strlen(own->folder) + 40;
    char *path = malloc(room), *link = malloc(room);
    sp_page page = {.model = cli_path_name(j->options->model),
                    .pipeline = &j->session.pipeline,
                    .set = j->options->set,
                    .deployed = j->options->deployed,
                    .count = 1,
                    .asked = 1,
                    .study = study,
                    .name = &clips->names.name[index],
                    .file = (const char **)&clips->file[index],
                    .kept = &own->kept[index],
                    .budgets = own->budgets,
                    .budget = own->budget_text,
                    .back = own->back};
    sp_error err = {0};
    sp_file_draft draft;
    if (!path || !link) {
        cli_complain("out of memory for the page of %s", clips->path[index]);
        j->failed = true;
        free(path);
        free(link);
        return;
    }
    snprintf(path, room, "%s/clip-%zu.html", own->folder, index + 1);
    snprintf(link, room, "%s/clip-%zu.html", own->pages, index + 1);
    sp_status status = sp_file_draft_open(&err, &draft, path);
    if (status == SP_OK) {
        FILE *out = sp_file_draft_stream(&draft);
        status = out ? sp_page_write(&err, out, &page) : SP_E_MEMORY;
        if (status == SP_OK) {
            status = sp_file_draft_keep(&err, &draft);
        } else {
            sp_file_draft_drop(&draft);
        }
    }
    if (status != SP_OK) {
        cli_complain("%s", err.text[0] ? err.text : "out of memory for a page");
        j->failed = true;
        free(link);
        link = NULL;
    }
    free(path);
    cli_page_radius(&own->page, clips->names.name[index], clips->file[index], link, &study->radius);
}

/* ---- the file ---- */

/* The folder of the pages, beside the report, and the way back from there. */
static int open_folder(cli_report_job *own) {
    const char *slash = strrchr(own->html, '/');
    const size_t head = slash ? (size_t)(slash + 1 - own->html) : 0;
    const size_t room = strlen(own->html) + strlen(own->pages) + 8;
    sp_error err = {0};
    own->folder = malloc(room);
    own->back = malloc(room);
    if (!own->folder || !own->back) {
        return cli_clips_out_of_memory(&own->base.session.clips);
    }
    snprintf(own->folder, room, "%.*s%s", (int)head, own->html, own->pages);
    snprintf(own->back, room, "../%s", own->html + head);
    if (cli_path_make_folder(&err, own->folder) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    cli_page_radius_begin(&own->page);
    return cli_page_open(&own->page, own->html);
}

int cli_report_open(cli_report_job *own) {
    sp_error err = {0};
    if (own->pages) {
        return open_folder(own);
    }
    if (sp_file_draft_open(&err, &own->draft, own->html) != SP_OK) {
        cli_complain("%s", err.text);
        return CLI_INPUT;
    }
    own->out = sp_file_draft_stream(&own->draft);
    if (!own->out) {
        sp_file_draft_drop(&own->draft);
        return cli_clips_out_of_memory(&own->base.session.clips);
    }
    return -1;
}

static void free_done(sp_page *page) {
    free((void *)(uintptr_t)page->study);
    free((void *)(uintptr_t)page->name);
    free(page->file);
    free((void *)(uintptr_t)page->kept);
}

/* The clips that are done, which are all of them unless the run was interrupted. Only the arrays
 * are the page's. */
static sp_status take_done(sp_error *err, cli_job *j, sp_page *page) {
    const cli_clips *clips = &j->session.clips;
    sp_study *study = calloc(clips->count, sizeof *study);
    char **name = calloc(clips->count, sizeof *name), **kept = calloc(clips->count, sizeof *kept);
    const char **file = calloc(clips->count, sizeof *file);
    page->study = study;
    page->name = name;
    page->file = file;
    page->kept = kept;
    if (!study || !name || !file || !kept) {
        return sp_fail(err, SP_E_MEMORY, "out of memory for %zu clips", clips->count);
    }
    for (size_t i = 0; i < clips->count; i++) {
        if (cli_job_done(j, i)) {
            study[page->count] = *study_of(j, i);
            name[page->count] = clips->names.name[i];
            file[page->count] = clips->file[i];
            kept[page->count++] = ((cli_report_job *)j)->kept[i];
        }
    }
    return SP_OK;
}

int cli_report_finish(cli_job *j) {
    cli_report_job *own = (cli_report_job *)j;
    if (own->pages) {
        cli_page_radius_end(&own->page, j->options, &j->session.pipeline, j->session.clips.count);
        return cli_page_close(&own->page);
    }
    const cli_clips *clips = &j->session.clips;
    sp_page page = {.model = cli_path_name(j->options->model),
                    .pipeline = &j->session.pipeline,
                    .set = j->options->set,
                    .deployed = j->options->deployed,
                    .shared = j->options->profile != NULL,
                    .asked = clips->count,
                    .budgets = own->budgets,
                    .budget = own->budget_text};
    sp_error err = {0};
    sp_status status = take_done(&err, j, &page);
    if (status == SP_OK) {
        status = sp_page_write(&err, own->out, &page);
    }
    free_done(&page);
    if (status == SP_OK) {
        own->out = NULL;
        status = sp_file_draft_keep(&err, &own->draft);
    }
    if (status != SP_OK) {
        cli_complain_about(own->html, err.text);
        return CLI_INPUT;
    }
    return -1;
}

void cli_report_drop(cli_report_job *own) {
    free(own->folder);
    free(own->back);
    cli_page_drop(&own->page);
    if (own->out) { // not finished
        sp_file_draft_drop(&own->draft);
    }
}
