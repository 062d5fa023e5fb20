/* The section of one clip in the HTML report. */
#include <math.h>

#include "certify/report/page.h"

enum { HOT = 3 };

void sp_page_verdict(FILE *out, const sp_verdict *verdict) {
    static const char *const words[SP_VERDICT_KINDS] = {
        [SP_VERDICT_CERTIFIED] = "certified", [SP_VERDICT_BROKEN] = "broken",
        [SP_VERDICT_UNKNOWN] = "unknown",     [SP_VERDICT_MISCLASSIFIED] = "misclassified",
        [SP_VERDICT_TIMEOUT] = "out of time", [SP_VERDICT_ERROR] = "error"};
    static const char *const classes[SP_VERDICT_KINDS] = {
        [SP_VERDICT_CERTIFIED] = "certified", [SP_VERDICT_BROKEN] = "broken"};
    const char *class = classes[verdict->kind];
    fprintf(out, "<span class=\"word %s\">%s%s</span>", class ? class : "unknown",
            words[verdict->kind], sp_verdict_is_vacuous(verdict) ? "*" : "");
}

/* What noise changes, or would. */
static void put_change(FILE *out, const sp_verdict *verdict, const char *answered, size_t score) {
    char where[SP_VERDICT_WHERE];
    if (verdict->outputs > 0) {
        fputs("changes <b>", out);
        sp_page_text(out, sp_verdict_where(where, verdict, score));
    } else {
        fprintf(out, "%s <b>", answered);
        sp_page_answer(out, verdict->names, score);
    }
    fputs("</b>", out);
}

/* ---- facts ---- */

static void put_fact(FILE *out, const char *name) {
    fprintf(out, "<dt>%s</dt><dd>", name);
}

static void end_fact(FILE *out) {
    fputs("</dd>\n", out);
}

/* An amplitude: in steps of the format, or of full scale. */
static void put_steps(FILE *out, double amplitude, const sp_clip *clip, bool up) {
    fputs("\xC2\xB1", out);
    if (clip->lsb > 0.0) {
        char coding[32];
        sp_clip_coding_name(coding, sizeof coding, clip);
        sp_page_amount(out, amplitude / clip->lsb, up);
        fprintf(out, " steps of the %s samples", coding);
    } else {
        sp_page_amount(out, 100.0 * amplitude / clip->full_scale, up);
        fputs("\xC2\xA0% of full scale", out);
    }
}

static void put_certified(FILE *out, const sp_study *study) {
    const sp_radius *radius = &study->radius;
    put_fact(out, "Certified up to");
    if (isfinite(radius->certified_db)) {
        fputs("<b>", out);
        sp_page_db(out, radius->certified_db);
        fputs("</b>: ", out);
        put_steps(out, radius->verdict.eps, &study->clip, false);
        fputs(", signal-to-noise ratio ", out);
        sp_page_plain(out, "%.1f", radius->verdict.scale.snr_db);
        fputs("\xC2\xA0"
              "dB at worst",
              out);
        if (radius->verdict.scale.vacuous) {
            fputs("; less than half a step: no other clip of this format is so close", out);
        }
    } else {
        fputs("no budget that was tried", out);
    }
    end_fact(out);
}

static void put_broken(FILE *out, const sp_page *page, const sp_study *study) {
    const sp_radius *radius = &study->radius;
    const sp_attack *attack = &study->attack;
    put_fact(out, "Broken from");
    if (!isfinite(radius->broken_db)) {
        fputs(page->deployed != SP_BUDGET_AS_REAL ? "not looked for"
                                                  : "no noise was found that changes the answer",
              out);
        end_fact(out);
        return;
    }
    fputs("<b>", out);
    sp_page_db(out, radius->broken_db);
    fputs("</b>", out);
    if (isfinite(radius->certified_db)) {
        fputs(", ", out);
        sp_page_db(out, radius->broken_db - radius->certified_db);
        fputs(" above that", out);
    }
    end_fact(out);
    put_fact(out, "By a file");
    if (attack->verdict.kind == SP_VERDICT_BROKEN) {
        if (!attack->file_own) {
            fprintf(out, "%s, not of the clip's own format: ", attack->file_format);
        }
        sp_page_db(out, radius->broken_file_db);
        fputs(": ", out);
        put_change(out, &radius->verdict, "answered", attack->file_answer);
        fputs(", noise ", out);
        put_steps(out, attack->file_largest, &study->clip, true);
        fputs(", signal-to-noise ratio ", out);
        sp_page_plain(out, "%.1f", attack->file_snr_db);
        fputs("\xC2\xA0"
              "dB",
              out);
    } else {
        fputs("none was found in the clip's sample format", out);
    }
    end_fact(out);
}

static void put_sensitive(FILE *out, const sp_page *page, const sp_study *study) {
    const sp_front_layout *layout = sp_front_layout_of(page->pipeline->front);
    size_t frame[HOT];
    const size_t count = sp_page_hot(study, frame, HOT);
    if (count == 0) {
        return;
    }
    put_fact(out, "Most sensitive");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%sframe %zu at %.2f s (%.0f\xC2\xA0%%)", i ? ", " : "", frame[i],
                (double)(frame[i] * layout->step) / layout->sample_rate,
                100.0 * study->share[frame[i]]);
    }
    if (study->radius.verdict.outputs > 0) {
        char where[SP_VERDICT_WHERE];
        fputs(" for ", out);
        sp_page_text(out, sp_verdict_where(where, &study->radius.verdict, study->nearest));
    } else {
        fputs(" towards the answer ", out);
        sp_page_answer(out, study->radius.verdict.names, study->nearest);
    }
    end_fact(out);
}

static void put_facts(FILE *out, const sp_page *page, size_t index) {
    const sp_study *study = &page->study[index];
    const sp_verdict *verdict = &study->radius.verdict;
    fputs("<dl>\n", out);
    put_fact(out, "Answer");
    fputs("<b>", out);
    if (verdict->outputs > 0) {
        fprintf(out, "%zu decisions", sp_verdict_decisions(verdict));
    } else {
        sp_page_answer(out, verdict->names, verdict->predicted);
    }
    fprintf(out, "</b>%s, %zu frames, %.2f s",
            verdict->predicted != verdict->label  ? " (wrong)"
            : study->own && verdict->outputs == 0 ? " (the right one is not known)"
                                                  : "",
            verdict->frames, (double)study->clip.n / study->clip.rate);
    end_fact(out);
    if (verdict->predicted != verdict->label) {
        put_fact(out, "Right answer");
        fputs("<b>", out);
        sp_page_answer(out, verdict->names, verdict->label);
        fputs("</b>: there is nothing to certify", out);
        end_fact(out);
    } else {
        put_certified(out, study);
        put_broken(out, page, study);
        put_sensitive(out, page, study);
    }
    fputs("</dl>\n", out);
}

static void put_sounds(FILE *out, const sp_page *page, size_t index) {
    const sp_study *study = &page->study[index];
    char name[192], answer[SP_CLASS_TEXT], where[SP_VERDICT_WHERE];
    sp_page_sound(out, "The clip", page->file[index], study->sound, study->sound_size);
    if (study->attack.verdict.kind == SP_VERDICT_BROKEN) {
        snprintf(
            name, sizeof name,
            study->radius.verdict.outputs > 0 ? "With the noise that changes %s"
                                              : "With the noise that makes it %s",
            study->radius.verdict.outputs > 0
                ? sp_verdict_where(where, &study->radius.verdict, study->attack.file_answer)
                : sp_class_text(answer, study->radius.verdict.names, study->attack.file_answer));
        sp_page_sound(out, name, study->attack.file_own ? page->file[index] : ".wav",
                      study->attack.file, study->attack.file_size);
        if (page->kept && page->kept[index]) {
            fputs("<p class=\"note\">Kept as <code>", out);
            sp_page_text(out, page->kept[index]);
            fputs("</code></p>\n", out);
        }
    }
}

/* ---- margins ---- */

/* The loudest certified budget, or the quietest one; budgets when there are none. */
static size_t shown_budget(const sp_study *study) {
    size_t best = study->budgets;
    for (size_t b = 0; b < study->budgets; b++) {
        const sp_verdict *v = &study->verdict[b];
        const sp_verdict *w = best < study->budgets ? &study->verdict[best] : NULL;
        const bool certified = v->kind == SP_VERDICT_CERTIFIED;
        const bool had = w && w->kind == SP_VERDICT_CERTIFIED;
        if (!v->logits || !v->margins || !(v->eps > 0.0) || v->label >= v->classes) {
            continue;
        }
        if (!w || (certified && !had) || (certified && v->eps > w->eps) ||
            (!certified && !had && v->eps < w->eps)) {
            best = b;
        }
    }
    return best;
}

/* I heard  a verdict that has the logits of the clip */
static void put_table(FILE *out, const sp_page *page, const sp_study *study,
                      const sp_verdict *heard) {
    fputs("<details><summary>All budgets and labels</summary>\n<div class=\"wide\" tabindex=\"0\">"
          "<table><thead><tr><th scope=\"col\">lead over</th><th scope=\"col\">no noise</th>",
          out);
    for (size_t b = 0; b < page->budgets; b++) {
        fputs("<th scope=\"col\">", out);
        sp_page_budget(out, page->budget[b]);
        fputs("</th>", out);
    }
    fputs("</tr></thead><tbody>\n<tr><th scope=\"row\">verdict</th><td></td>", out);
    for (size_t b = 0; b < page->budgets; b++) {
        fputs("<td>", out);
        sp_page_verdict(out, &study->verdict[b]);
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
    for (size_t k = 0; k < heard->classes; k++) {
        if (k == heard->label) {
            continue;
        }
        fputs("<tr><th scope=\"row\">", out);
        sp_page_answer(out, heard->names, k);
        fputs("</th><td>", out);
        sp_page_margin(out, heard->logits[heard->label] - heard->logits[k], false);
        fputs("</td>", out);
        for (size_t b = 0; b < page->budgets; b++) {
            const sp_verdict *verdict = &study->verdict[b];
            fputs("<td>", out);
            sp_page_margin(out, verdict->margins ? verdict->margins[k] : NAN, true);
            fputs("</td>", out);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div></details>\n", out);
}

static void put_margins(FILE *out, const sp_page *page, const sp_study *study) {
    const size_t shown = shown_budget(study);
    if (shown == study->budgets) {
        return;
    }
    const sp_verdict *verdict = &study->verdict[shown];
    fputs("<figure><figcaption>Lead of <b>", out);
    sp_page_answer(out, verdict->names, verdict->label);
    fputs(
        "</b> over every other answer: without noise (ring) \xE2\x86\x92 proved for all noise of ",
        out);
    sp_page_budget(out, page->budget[shown]);
    fprintf(out, "%s (square)</figcaption>\n",
            sp_verdict_is_vacuous(verdict) ? ", which is below half a step of the format (*)" : "");
    sp_page_margins(out, study, shown);
    fputs("</figure>\n", out);
    put_table(out, page, study, verdict);
}

void sp_page_clip(FILE *out, const sp_page *page, const sp_page_axis *axis, size_t index) {
    const sp_study *study = &page->study[index];
    const sp_verdict *verdict = &study->radius.verdict;
    fprintf(out, "<section class=\"clip\" id=\"clip-%zu\">\n<h3>", index + 1);
    sp_page_text(out, page->name[index]);
    fputs("</h3>\n", out);
    if (verdict->kind == SP_VERDICT_ERROR ||
        (verdict->label == SP_NO_LABEL && verdict->outputs == 0)) {
        fputs("<p>This clip could not be used: ", out);
        sp_page_text(out, verdict->reason);
        fputs("</p></section>\n", out);
        return;
    }
    const bool right = verdict->predicted == verdict->label;
    sp_page_timeline(out, page, index);
    fputs("<div class=\"columns\"><div>\n", out);
    put_facts(out, page, index);
    if (verdict->kind == SP_VERDICT_TIMEOUT) {
        fputs("<p class=\"note\">", out);
        sp_page_text(out, verdict->reason);
        fputs("</p>\n", out);
    }
    if (right) {
        sp_page_bar(out, axis, &study->radius);
        sp_page_bar_axis(out, axis);
    }
    put_sounds(out, page, index);
    fputs("</div><div>\n", out);
    if (right && study->verdict) {
        put_margins(out, page, study);
    }
    fputs("</div></div></section>\n", out);
}
