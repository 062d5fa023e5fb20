/* The progress bar: one line on the terminal of stderr, without escape sequences. */
#include "base/progress.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

enum { LARGEST_WIDTH = 160, LARGEST_BAR = 40, LEAST_BAR = 5 };

static struct {
    pthread_mutex_t lock;
    char what[48];
    size_t total, done, known;   // known: of those done, without any work
    double cost, did, did_known; // of all items, of those done, of those known
    double start, drawn;         // seconds of sp_clock_wall
    size_t length;               // characters on the line now
    bool active, wiped, begun;
    const char *advice;
    struct {
        const void *who;         // NULL: none
        const char *name, *told; // of the part; of the last part that was announced
        double begun, seen;      // seconds of sp_clock_wall; when it was last heard of
        double early, early_at;  // work that was done a while ago, and when
        double work, all;
    } part;
    struct {
        const void *who;
        char text[64];
    } place;
} bar = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* columns - of the terminal, less one so that the line never wraps. */
static size_t columns(void) {
    struct winsize size;
    size_t width = 80;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        width = size.ws_col;
    }
    return (width < LARGEST_WIDTH ? width : LARGEST_WIDTH) - 1;
}

/* put_time - "m:ss" or "h:mm:ss". */
static void put_time(char *text, size_t size, double seconds) {
    const double limit = 360000.0;
    const long s = seconds >= 0.0 && seconds < limit ? (long)(seconds + 0.5) : -1;
    if (s < 0) {
        snprintf(text, size, "--:--");
    } else if (s < 3600) {
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
    } else {
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    }
}

/* What the part shown still takes, by its rate since a while ago; -1: not known yet. */
static double part_left(double now) {
    const double spent = now - bar.part.early_at, done = bar.part.work - bar.part.early;
    return spent > 0.5 && done > 0.0 ? (bar.part.all - bar.part.work) * spent / done : -1.0;
}

/* part_figures - "front end 20%, 0:48 left". */
static void part_figures(char *text, size_t size, double now) {
    char left[32];
    put_time(left, sizeof left, part_left(now));
    snprintf(text, size, "%.40s %d%%, %s left", bar.part.name,
             (int)(100.0 * bar.part.work / bar.part.all), left);
}

static const char *place_of_part(void) {
    return bar.place.who != NULL && bar.place.who == bar.part.who ? bar.place.text : "";
}

static double share_done(void) {
    return bar.done == bar.total ? 1.0
           : bar.cost > 0.0      ? bar.did / bar.cost
                                 : (double)bar.done / (double)bar.total;
}

/* By the rate of what was worked on; -1: not known yet. */
static double time_left(double elapsed) {
    const double all = bar.cost > 0.0 ? bar.cost : (double)bar.total;
    const double did = bar.cost > 0.0 ? bar.did : (double)bar.done;
    const double known = bar.cost > 0.0 ? bar.did_known : (double)bar.known;
    if (bar.done == bar.total) {
        return 0.0;
    }
    return did > known ? elapsed * (all - did) / (did - known) : -1.0;
}

/* ", 3.2/s" or ", 14/min": items that were worked on; "" until there are some. */
static void put_rate(char *text, size_t size, double elapsed) {
    const double rate = elapsed > 1.0 ? (double)(bar.done - bar.known) / elapsed : 0.0;
    text[0] = '\0';
    if (rate >= 1.0) {
        snprintf(text, size, ", %.3g/s", rate);
    } else if (rate > 0.0) {
        snprintf(text, size, ", %.3g/min", 60.0 * rate);
    }
}

/* figures - "12/300   4%  0:12, 4:50 left", and behind it the part that is under way. */
static void figures(char *text, size_t size, double now) {
    char part[96] = "";
    if (bar.part.who != NULL) {
        part_figures(part, sizeof part, now);
    }
    if (bar.total < 2) {
        snprintf(text, size, "%s", part);
        return;
    }
    const double elapsed = now - bar.start;
    char past[32], left[32], rate[32];
    put_time(past, sizeof past, elapsed);
    put_time(left, sizeof left, time_left(elapsed));
    put_rate(rate, sizeof rate, elapsed);
    snprintf(text, size, "%zu/%zu %3d%%  %s, %s left%s%s%s", bar.done, bar.total,
             (int)(100.0 * share_done()), past, left, rate, part[0] ? "; " : "", part);
}

/* compose - at most `width` columns: the figures, and the bar and the name if they fit. */
static void compose(char *line, size_t size, size_t width, double now) {
    char numbers[224], cells[LARGEST_BAR + 4] = "";
    figures(numbers, sizeof numbers, now);
    const size_t name = strlen(bar.what), fixed = strlen(numbers) + (name > 0 ? name + 1 : 0);
    if (fixed + LEAST_BAR + 4 <= width) {
        size_t room = width - fixed - 4;
        room = room < LARGEST_BAR ? room : LARGEST_BAR;
        const double share = bar.total < 2 ? bar.part.work / bar.part.all : share_done();
        const size_t full = (size_t)((double)room * share);
        cells[0] = '[';
        memset(cells + 1, '.', room);
        memset(cells + 1, '#', full < room ? full : room);
        memcpy(cells + 1 + room, "] ", 3);
    }
    const bool named = fixed <= width && name > 0;
    char whole[sizeof bar.what + sizeof cells + sizeof numbers];
    snprintf(whole, sizeof whole, "%s%s%s%s", named ? bar.what : "", named ? " " : "", cells,
             numbers);
    whole[width < size ? width : size - 1] = '\0';
    memcpy(line, whole, strlen(whole) + 1);
}

/* show - replaces the line on the terminal, blanks covering what the old one had more. */
static void show(const char *line) {
    const size_t length = strlen(line);
    const size_t blanks = length < bar.length ? bar.length - length : 0;
    char text[2 * LARGEST_WIDTH + 4];
    snprintf(text, sizeof text, "\r%s%*s%s", line, (int)blanks, "", length == 0 ? "\r" : "");
    fputs(text, stderr);
    fflush(stderr);
    bar.length = length;
}

static void draw(double now) {
    char line[LARGEST_WIDTH + 1];
    compose(line, sizeof line, columns(), now);
    show(line);
    bar.drawn = now;
    bar.wiped = false;
}

void sp_progress_begin(const char *what, size_t total, const char *advice) {
    pthread_mutex_lock(&bar.lock);
    snprintf(bar.what, sizeof bar.what, "%s", what != NULL ? what : "");
    bar.total = total;
    bar.done = 0;
    bar.known = 0;
    bar.cost = bar.did = bar.did_known = 0.0;
    bar.length = 0;
    bar.start = sp_clock_wall();
    bar.begun = true;
    bar.advice = advice;
    bar.part.who = NULL;
    bar.part.told = NULL;
    bar.place.who = NULL;
    bar.active = isatty(STDERR_FILENO) == 1;
    bar.wiped = true;
    if (bar.active && total >= 2) {
        draw(bar.start);
    }
    pthread_mutex_unlock(&bar.lock);
}

static void wipe(void) {
    if (bar.active && !bar.wiped) {
        show("");
        bar.wiped = true;
    }
}

/* ---- parts of an item ---- */

/* A part that has not been heard of for a second makes room for another one. */
static bool is_shown(const void *who, const char *part, double now) {
    const double patience = 1.0;
    if (bar.part.who == who && strcmp(bar.part.name, part) == 0) {
        return true;
    }
    return bar.part.who == NULL || bar.part.who == who || now - bar.part.seen > patience;
}

static void take_part(const void *who, const char *part, double work, double now) {
    if (bar.part.who != who || strcmp(bar.part.name, part) != 0) {
        bar.part.who = who;
        bar.part.name = part;
        bar.part.begun = bar.part.early_at = now;
        bar.part.early = work;
    }
}

/* Once for each name, when the first seconds have shown how long it will take. The rate is that of
 * the later half of these: what is done only once is over by then. */
static void announce(double now) {
    const double watched = 4.0, long_work = 30.0;
    const double age = now - bar.part.begun, left = part_left(now);
    if (age < 0.5 * watched) {
        bar.part.early = bar.part.work;
        bar.part.early_at = now;
    }
    if (age < watched || left < long_work ||
        (bar.part.told != NULL && strcmp(bar.part.told, bar.part.name) == 0)) {
        return;
    }
    char time[32];
    put_time(time, sizeof time, left);
    bar.part.told = bar.part.name;
    wipe();
    const char *place = place_of_part();
    fprintf(stderr, "soundproof: %s: %s%s%s%s will take about %s more%s%s\n", bar.what,
            bar.part.name, place[0] ? " (" : "", place, place[0] ? ")" : "", time,
            bar.advice != NULL ? "; " : "", bar.advice != NULL ? bar.advice : "");
}

void sp_progress_part(const void *who, const char *part, double work, double all) {
    const double least_pause = 0.1;
    pthread_mutex_lock(&bar.lock);
    const double now = bar.begun ? sp_clock_wall() : 0.0;
    if (bar.begun && is_shown(who, part, now)) {
        take_part(who, part, work, now);
        bar.part.seen = now;
        bar.part.work = work;
        bar.part.all = all;
        announce(now);
        if (bar.active && now - bar.drawn >= least_pause) {
            draw(now);
        }
        bar.part.who = work < all ? who : NULL;
    }
    pthread_mutex_unlock(&bar.lock);
}

void sp_progress_place(const void *who, const char *place) {
    pthread_mutex_lock(&bar.lock);
    if (bar.begun && (bar.part.who == NULL || bar.part.who == who)) {
        bar.place.who = who;
        snprintf(bar.place.text, sizeof bar.place.text, "%s", place);
    }
    pthread_mutex_unlock(&bar.lock);
}

void sp_progress_weigh(double all) {
    pthread_mutex_lock(&bar.lock);
    bar.cost = all;
    pthread_mutex_unlock(&bar.lock);
}

void sp_progress_step_of(double cost, bool known) {
    const double least_pause = 0.1;
    pthread_mutex_lock(&bar.lock);
    if (bar.active && bar.done < bar.total) {
        bar.done++;
        bar.did += cost;
        bar.known += known;
        bar.did_known += known ? cost : 0.0;
        const double now = sp_clock_wall();
        if (bar.total < 2) {
            bar.part.who = NULL;
        } else if (bar.wiped || bar.done == bar.total || now - bar.drawn >= least_pause) {
            draw(now);
        }
    }
    pthread_mutex_unlock(&bar.lock);
}

void sp_progress_clear(void) {
    pthread_mutex_lock(&bar.lock);
    wipe();
    pthread_mutex_unlock(&bar.lock);
}

void sp_progress_end(void) {
    pthread_mutex_lock(&bar.lock);
    wipe();
    bar.active = false;
    bar.begun = false;
    pthread_mutex_unlock(&bar.lock);
}
