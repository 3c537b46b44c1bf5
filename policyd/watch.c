#include "policyd/watch.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"

#define STILL_USEC 150000 /* files have to be still this long */
#define CHANGES                                                                                    \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |       \
     IN_MOVE_SELF)

/* One path: its directory's watch, and the name in it; "" is every name. */
struct place {
    int wd;
    bool wanted; /* while the files of a load are gone through */
    char *folder;
    char name[256];
};

struct pil_watch {
    const struct pil_list *paths;
    void (*changed)(void *cookie);
    void *cookie;
    int fd;
    struct event *readable, *still;
    struct place *place; /* those of the settings, then those of included files */
    size_t count;
};

/* Splits a file's path; a directory is its own folder. */
static bool locate(const char *path, struct place *out)
{
    const char *slash = strrchr(path, '/');
    struct stat st;

    free(out->folder);
    *out = (struct place){.wd = -1};
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        out->folder = strdup(path);
    } else {
        const char *name = slash ? slash + 1 : path;

        if (strlen(name) >= sizeof(out->name))
            return false;
        strcpy(out->name, name);
        out->folder = slash == path ? strdup("/")
                      : slash       ? strndup(path, (size_t)(slash - path))
                                    : strdup(".");
    }
    return out->folder != NULL;
}

static void add_watch(struct pil_watch *watch, struct place *place)
{
    place->wd = inotify_add_watch(watch->fd, place->folder, CHANGES);
}

/* The place that sees this file; it may be its folder's. */
static struct place *find(struct pil_watch *watch, const struct place *file)
{
    for (size_t i = 0; i < watch->count; i++) {
        struct place *place = &watch->place[i];

        if (place->folder && strcmp(place->folder, file->folder) == 0 &&
            (place->name[0] == '\0' || strcmp(place->name, file->name) == 0))
            return place;
    }
    return NULL;
}

/* A file that was read; without memory it is left out like one that cannot be watched. */
static void want(struct pil_watch *watch, const char *path)
{
    struct place file = {.wd = -1}, *place;

    if (!locate(path, &file))
        return;
    place = find(watch, &file);
    if (!place) {
        place = realloc(watch->place, (watch->count + 1) * sizeof(*place));
        if (!place) {
            free(file.folder);
            return;
        }
        watch->place = place;
        place += watch->count++;
        *place = file;
    } else {
        free(file.folder);
    }
    place->wanted = true;
}

/* One watch may serve several places. */
static void let_go(struct pil_watch *watch, size_t at)
{
    struct place gone = watch->place[at];

    watch->place[at] = watch->place[--watch->count];
    free(gone.folder);
    for (size_t i = 0; i < watch->count; i++)
        if (watch->place[i].wd == gone.wd)
            return;
    if (gone.wd >= 0)
        inotify_rm_watch(watch->fd, gone.wd);
}

static void renew_included(struct pil_watch *watch, const struct pil_list *files)
{
    for (size_t i = watch->paths->count; i < watch->count; i++)
        watch->place[i].wanted = false;
    for (size_t i = 0; i < files->count; i++)
        want(watch, files->item[i]);
    for (size_t i = watch->count; i-- > watch->paths->count;)
        if (!watch->place[i].wanted)
            let_go(watch, i);
    for (size_t i = watch->paths->count; i < watch->count; i++)
        if (watch->place[i].wd < 0)
            add_watch(watch, &watch->place[i]);
}

void pil_watch_renew(struct pil_watch *watch, const struct pil_list *files)
{
    if (!watch)
        return;
    for (size_t i = 0; i < watch->paths->count; i++)
        if (watch->place[i].wd < 0 && locate(watch->paths->item[i], &watch->place[i]))
            add_watch(watch, &watch->place[i]);
    renew_included(watch, files);
}

static bool concerns(struct pil_watch *watch, const struct inotify_event *e)
{
    bool ours = e->mask & IN_Q_OVERFLOW;

    for (size_t i = 0; i < watch->count; i++) {
        struct place *place = &watch->place[i];

        if (place->wd != e->wd)
            continue;
        if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
            place->wd = -1;
            ours = true;
        } else if (place->name[0] == '\0' || (e->len > 0 && strcmp(place->name, e->name) == 0)) {
            ours = true;
        }
    }
    return ours;
}

static void on_readable(evutil_socket_t fd, short what, void *cookie)
{
    struct timeval still = {.tv_usec = STILL_USEC};
    char room[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    struct pil_watch *watch = cookie;
    bool ours = false;
    ssize_t got;

    (void)what;
    while ((got = read(fd, room, sizeof(room))) > 0)
        for (char *at = room; at < room + got;) {
            const struct inotify_event *e = (const struct inotify_event *)at;

            ours |= concerns(watch, e);
            at += sizeof(*e) + e->len;
        }
    if (ours)
        event_add(watch->still, &still);
}

static void on_still(evutil_socket_t fd, short what, void *cookie)
{
    struct pil_watch *watch = cookie;

    (void)fd, (void)what;
    watch->changed(watch->cookie);
}

int pil_watch_open(struct event_base *base, const struct pil_list *paths,
                   void (*changed)(void *cookie), void *cookie, struct pil_watch **out)
{
    struct pil_watch *watch = calloc(1, sizeof(*watch));

    if (!watch)
        return PIL_E_NOMEM;
    *watch = (struct pil_watch){.paths = paths, .changed = changed, .cookie = cookie};
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watch->place = calloc(paths->count + 1, sizeof(*watch->place));
    if (watch->fd >= 0 && watch->place) {
        watch->readable = event_new(base, watch->fd, EV_READ | EV_PERSIST, on_readable, watch);
        watch->still = event_new(base, -1, 0, on_still, watch);
    }
    if (!watch->readable || !watch->still || event_add(watch->readable, NULL)) {
        pil_watch_close(watch);
        return PIL_E_SYSTEM;
    }
    watch->count = paths->count;
    for (size_t i = 0; i < watch->count; i++)
        watch->place[i].wd = -1;
    pil_watch_renew(watch, &(struct pil_list){0});
    *out = watch;
    return PIL_OK;
}

void pil_watch_close(struct pil_watch *watch)
{
    if (!watch)
        return;
    if (watch->readable)
        event_free(watch->readable);
    if (watch->still)
        event_free(watch->still);
    if (watch->fd >= 0)
        close(watch->fd);
    for (size_t i = 0; i < watch->count; i++)
        free(watch->place[i].folder);
    free(watch->place);
    free(watch);
}
