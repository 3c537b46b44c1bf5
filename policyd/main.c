/* policyd: decides what programs under Pillion may reach. policyd(8) is the manual. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/policy.h"
#include "core/err.h"
#include "policyd/keeper.h"
#include "policyd/run.h"

/* Exit codes, as policyd(8) lists them. */
enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void say(void *cookie, enum pil_severity severity, const char *message)
{
    (void)cookie;
    fprintf(stderr, "policyd: %s%s\n", severity == PIL_SEVERITY_WARNING ? "warning: " : "",
            message);
}

/* -n: the same road as a load, in this process. */
static int check_policy(const struct pil_settings *settings, struct pil_diag *diag)
{
    struct pil_image img;
    void *block = NULL;
    size_t len = 0;
    int err = pil_policy_build((const char *const *)settings->policy.item, settings->policy.count,
                               0, diag, &block, &len, &img);

    free(block);
    if (err && diag->errors == 0)
        fprintf(stderr, "policyd: %s\n", pil_err_text(err));
    if (err)
        return EXIT_FAILED;
    printf("settings and policy are good (%zu bytes compiled, %u warnings)\n", len, diag->warnings);
    return EXIT_GOOD;
}

/* The parent of a daemon in the background stays until the child has said that it is ready. */
static int to_background(int *ready_fd)
{
    int ends[2];
    char byte;
    pid_t child;

    if (pipe2(ends, 0))
        return EXIT_FAILED;
    child = fork();
    if (child < 0)
        return EXIT_FAILED;
    if (child == 0) {
        close(ends[0]);
        setsid();
        *ready_fd = ends[1];
        return -1;
    }
    close(ends[1]);
    return read(ends[0], &byte, 1) == 1 ? EXIT_GOOD : EXIT_FAILED;
}

static void on_ready(void *cookie)
{
    int fd = *(int *)cookie;

    if (fd < 0)
        return;
    /* The parent reads it or is gone; either way there is nothing to do about it. */
    if (write(fd, "", 1) == 1)
        close(fd);
}

static int run(struct pil_settings *settings, const struct pil_start *how)
{
    int err = pil_run(settings, how);

    if (err && how->diag->errors == 0)
        fprintf(stderr, "policyd: %s\n", pil_err_text(err));
    return err ? EXIT_FAILED : EXIT_GOOD;
}

/* A process to which sockets were handed over must stay the one that whoever did so knows. */
static int serve(struct pil_settings *settings, const struct pil_options *options,
                 struct pil_diag *diag, char **argv)
{
    int ready_fd = -1;
    struct pil_start how = {
        .options = options, .diag = diag, .ready = on_ready, .cookie = &ready_fd};

    if (pil_listeners_inherit(settings, diag, &how.listeners, &how.kept))
        return EXIT_FAILED;
    if (!options->foreground && !options->solo && !how.listeners.kept) {
        int code = to_background(&ready_fd);

        if (code >= 0)
            return code;
    }
    return options->keep ? pil_keeper_run(settings, &how, argv) : run(settings, &how);
}

int main(int argc, char **argv)
{
    struct pil_diag diag = {.sink = say};
    struct pil_settings settings;
    struct pil_options options;
    int code = EXIT_USAGE;

    if (pil_settings_init(&settings))
        return EXIT_FAILED;
    if (pil_options_read(argc, argv, &diag, &options, &settings) == PIL_OK) {
        if (options.help || options.version)
            code =
                fputs(options.help ? pil_options_help() : "policyd " PIL_VERSION "\n", stdout) < 0;
        else
            code = options.check ? check_policy(&settings, &diag)
                                 : serve(&settings, &options, &diag, argv);
    }
    pil_settings_free(&settings);
    return code;
}
