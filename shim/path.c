#include "shim/path.h"

#include <fcntl.h>
#include <unistd.h>

#include "shim/real.h"

bool pil_path_absolute(struct pil_slice path, char *to, size_t cap)
{
    struct pil_text text;
    char here[PIL_NAME_MAX + 1];
    ssize_t len = pil_real_sys.getcwd(here, sizeof(here));

    if (path.len > 2 && path.at[0] == '.' && path.at[1] == '/')
        path = (struct pil_slice){path.at + 2, path.len - 2};
    if (len <= 1 || here[0] != '/' || (size_t)len + path.len >= cap)
        return false;
    pil_text_init(&text, to, cap);
    pil_text_add(&text, here[1] ? here : "");
    pil_text_add(&text, "/");
    pil_text_add_slice(&text, path);
    return true;
}

bool pil_path_real(const char *path, char to[PIL_NAME_MAX + 1])
{
    char link[32];
    struct pil_text text;
    int fd = pil_real_sys.openat(AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
    ssize_t len;

    if (fd < 0)
        return false;
    pil_text_init(&text, link, sizeof(link));
    pil_text_add(&text, "/proc/self/fd/");
    pil_text_add_u64(&text, (uint64_t)fd);
    len = pil_real_sys.readlinkat(AT_FDCWD, link, to, PIL_NAME_MAX);
    pil_real_sys.close(fd);
    if (len <= 0 || to[0] != '/')
        return false;
    to[len] = '\0';
    return true;
}
