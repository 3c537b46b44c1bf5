/*
 * The AppArmor profile that would be attached to a program by its path, and whether its text names
 * the library.
 *
 * Asked are the profiles in the kernel, and the files they come from in /etc/apparmor.d. The text
 * of a profile is searched, not understood: includes are not followed, so "names the library" means
 * the file itself or its local addition does.
 *
 * Errors: what cannot be read attaches nothing. Threads: one.
 */
#ifndef PIL_CLI_INSPECT_APPARMOR_H
#define PIL_CLI_INSPECT_APPARMOR_H

#include <limits.h>
#include <stdbool.h>

struct pil_apparmor {
    char profile[256];
    char mode[16];       /* "enforce", "complain", ...; "" when the kernel does not say */
    char file[PATH_MAX]; /* its text; "" when it was not found */
    bool names_library;  /* the text speaks of libpillion */
};

/* A path against a profile's attachment: *, **, ?, [a-z] and {a,b}. */
bool pil_apparmor_matches(const char *pattern, const char *path);

/* The attachment of a line that opens a profile ("profile NAME PATTERN flags=(...) {", or
 * "PATTERN {"); false when the line opens none. name may equal the pattern. */
bool pil_apparmor_header(const char *line, char name[256], char pattern[PATH_MAX]);

/* The profile for path, by the kernel's list and the files in folder (/etc/apparmor.d). Only where
 * the kernel enforces AppArmor, whose list is `kernel`. False: none. */
bool pil_apparmor_find(const char *kernel, const char *folder, const char *path,
                       struct pil_apparmor *out);

/* The same by the profile's name, for AppArmorProfile=. */
bool pil_apparmor_named(const char *kernel, const char *folder, const char *name,
                        struct pil_apparmor *out);

#define PIL_APPARMOR_KERNEL "/sys/kernel/security/apparmor/profiles"
#define PIL_APPARMOR_FOLDER "/etc/apparmor.d"

#endif
