#include "cli/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/out.h"
#include "core/err.h"

void pil_source_tell(void *cookie, enum pil_severity severity, const char *message)
{
    (void)cookie;
    fputs(severity == PIL_SEVERITY_ERROR ? "error: " : "warning: ", stderr);
    pil_out_text(stderr, message);
    fputc('\n', stderr);
}

static int from_files(struct pil_source *s, const struct pil_words *files)
{
    struct pil_diag diag = {.sink = pil_source_tell};
    int error = pil_policy_build(files->item, files->count, PIL_MET_ALL, &diag, &s->block, &s->len,
                                 &s->image);

    if (error && diag.errors == 0)
        pil_cli_error("the policy cannot be compiled: %s", pil_err_text(error));
    return error;
}

/* Sealed against writing and shrinking, so what was verified stays what is read. */
static int map_image(struct pil_source *s, int fd)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & (F_SEAL_WRITE | F_SEAL_SHRINK)) != (F_SEAL_WRITE | F_SEAL_SHRINK) ||
        fstat(fd, &st) || st.st_size <= 0) {
        pil_cli_error("policyd sent an image that is not sealed");
        return PIL_E_MALFORMED;
    }
    s->len = (size_t)st.st_size;
    s->block = mmap(NULL, s->len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (s->block == MAP_FAILED) {
        s->block = NULL;
        pil_cli_error("cannot map the image in force: %s", strerror(errno));
        return PIL_E_SYSTEM;
    }
    s->mapped = true;
    return PIL_OK;
}

static int from_policyd(struct pil_source *s, const char *socket)
{
    json_t *answer;
    int fd, error = pil_client_ask(socket, "image", NULL, &answer, &fd);

    if (error)
        return error;
    json_decref(answer);
    if (fd < 0) {
        pil_cli_error("policyd has no policy in force");
        return PIL_E_NOTFOUND;
    }
    error = map_image(s, fd);
    close(fd);
    if (error)
        return error;
    error = pil_image_open(&s->image, s->block, s->len);
    if (error)
        pil_cli_error("the image that policyd sent cannot be used: %s", pil_err_text(error));
    return error;
}

int pil_source_open(struct pil_source *s, const struct pil_words *files, const char *socket)
{
    int error;

    memset(s, 0, sizeof(*s));
    error = files->count > 0 ? from_files(s, files) : from_policyd(s, socket);
    if (error)
        pil_source_close(s);
    return error;
}

void pil_source_close(struct pil_source *s)
{
    if (s->mapped)
        munmap(s->block, s->len);
    else
        free(s->block);
    memset(s, 0, sizeof(*s));
}
