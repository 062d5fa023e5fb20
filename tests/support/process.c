#include "tests/support/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

static char *read_all(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t size = 0;
    if (file && fseek(file, 0, SEEK_END) == 0) {
        const long length = ftell(file);
        text = length >= 0 ? malloc((size_t)length + 1) : NULL;
        rewind(file);
        size = text ? fread(text, 1, (size_t)length, file) : 0;
    }
    if (file) {
        fclose(file);
    }
    text = text ? text : malloc(1);
    if (text) {
        text[size] = '\0';
    }
    return text;
}

static void redirect(const char *path, int target) {
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || dup2(file, target) < 0) {
        _exit(126);
    }
    close(file);
}

sp_process sp_process_run(const char *name, const char *const *arguments) {
    char file[128], out[1024], err[1024];
    sp_process process = {-1, NULL, NULL};
    int status = 0;
    snprintf(file, sizeof file, "%s.out", name);
    sp_test_scratch(file, out, sizeof out);
    snprintf(file, sizeof file, "%s.err", name);
    sp_test_scratch(file, err, sizeof err);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        redirect(out, STDOUT_FILENO);
        redirect(err, STDERR_FILENO);
        execv(arguments[0], (char *const *)arguments);
        _exit(127);
    }
    if (child > 0 && waitpid(child, &status, 0) == child) {
        process.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    process.out = read_all(out);
    process.err = read_all(err);
    return process;
}

void sp_process_clear(sp_process *process) {
    free(process->out);
    free(process->err);
    *process = (sp_process){-1, NULL, NULL};
}

size_t sp_process_lines(const char *text) {
    size_t lines = 0;
    for (const char *at = text; *at; at++) {
        lines += *at == '\n' || at[1] == '\0';
    }
    return lines;
}
