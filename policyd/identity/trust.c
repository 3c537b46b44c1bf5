#include "policyd/identity/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "policyd/identity/bundle.h"
#include "policyd/identity/keys.h"
#include "policyd/identity/verify.h"

#define FILE_MAX (1u << 20)

int pil_trust_open(const struct pil_list *paths, struct pil_trust *out)
{
    *out = (struct pil_trust){0};
    out->file = calloc(paths->count + 1, sizeof(*out->file));
    if (!out->file)
        return PIL_E_NOMEM;
    out->count = paths->count;
    for (size_t i = 0; i < paths->count; i++)
        out->file[i].path = paths->item[i];
    return PIL_OK;
}

void pil_trust_forget(struct pil_trust *trust)
{
    for (size_t i = 0; i < trust->count; i++) {
        sk_X509_pop_free(trust->file[i].roots, X509_free);
        trust->file[i].roots = NULL;
        trust->file[i].problem[0] = '\0';
    }
}

void pil_trust_close(struct pil_trust *trust)
{
    pil_trust_forget(trust);
    free(trust->file);
    *trust = (struct pil_trust){0};
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        n++;
    return n;
}

/* A file that is being written ends in the middle of a line or of a block. What ends exactly behind
 * a block cannot be told from a whole one: agents that replace files instead of writing them are
 * safe from that. */
static bool is_whole(const char *text, size_t len)
{
    const char *last = strrchr(text, '\n');

    if (strlen(text) != len || count_of(text, "-----BEGIN ") != count_of(text, "-----END "))
        return false;
    return last && (last[1] == '\0' || strncmp(last + 1, "-----END ", 9) == 0);
}

static const char *parse_all(BIO *bio, STACK_OF(X509) * certs)
{
    X509 *cert;

    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(certs, cert) <= 0) {
            X509_free(cert);
            return "no memory";
        }
        if (sk_X509_num(certs) > (int)PIL_ROOTS_MAX)
            return "it has more than 64 certificates";
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return "a certificate in it cannot be read";
    return sk_X509_num(certs) > 0 ? NULL : "no certificate is in it; legal are PEM certificates";
}

STACK_OF(X509) * pil_trust_certs(const char *text, size_t len, char *problem, size_t cap)
{
    STACK_OF(X509) *certs = sk_X509_new_null();
    BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(text, (int)len) : NULL;
    const char *wrong = "no memory";

    if (certs && bio)
        wrong = is_whole(text, len) ? parse_all(bio, certs) : "it is cut short";
    BIO_free(bio);
    ERR_clear_error();
    if (!wrong)
        return certs;
    snprintf(problem, cap, "%s", wrong);
    sk_X509_pop_free(certs, X509_free);
    return NULL;
}

static bool all_roots(STACK_OF(X509) * certs, const char *domain, char *problem, size_t cap)
{
    char detail[160];

    for (int i = 0; i < sk_X509_num(certs); i++)
        if (pil_verify_root(sk_X509_value(certs, i), domain, detail, sizeof(detail))) {
            snprintf(problem, cap, "certificate %d: %s", i + 1, detail);
            return false;
        }
    return true;
}

/* The text of the file, when nobody but root and policyd's user may have written it. */
static char *read_text(const char *path, size_t *len, char *problem, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char *text = NULL;
    struct stat st;

    if (fd < 0 || fstat(fd, &st)) {
        snprintf(problem, cap, "cannot be opened: %s", strerror(errno));
    } else if (!S_ISREG(st.st_mode) || (st.st_mode & 022) ||
               (st.st_uid != 0 && st.st_uid != geteuid())) {
        snprintf(problem, cap,
                 "mode %04o, owner %u; legal is a regular file of root or policyd's user that "
                 "nobody else may write",
                 (unsigned)st.st_mode & 07777, st.st_uid);
    } else {
        text = pil_keys_read(fd, FILE_MAX, len);
        if (!text)
            snprintf(problem, cap, "cannot be read: %s", strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static STACK_OF(X509) * read_roots(const char *path, const char *domain, char *problem, size_t cap)
{
    size_t len = 0;
    char *text = read_text(path, &len, problem, cap);
    STACK_OF(X509) *certs = text ? pil_trust_certs(text, len, problem, cap) : NULL;

    pil_keys_free(text, len);
    if (certs && all_roots(certs, domain, problem, cap))
        return certs;
    sk_X509_pop_free(certs, X509_free);
    return NULL;
}

static bool same(STACK_OF(X509) * a, STACK_OF(X509) * b)
{
    if (!a || !b || sk_X509_num(a) != sk_X509_num(b))
        return false;
    for (int i = 0; i < sk_X509_num(a); i++)
        if (X509_cmp(sk_X509_value(a, i), sk_X509_value(b, i)) != 0)
            return false;
    return true;
}

static bool read_one(struct pil_trust_file *file, const char *domain)
{
    char problem[sizeof(file->problem)] = "";
    STACK_OF(X509) *fresh = read_roots(file->path, domain, problem, sizeof(problem));
    bool changed = strcmp(problem, file->problem) != 0 || (fresh && !same(fresh, file->roots));

    memcpy(file->problem, problem, sizeof(problem));
    if (fresh) {
        sk_X509_pop_free(file->roots, X509_free);
        file->roots = fresh;
    }
    return changed;
}

void pil_trust_read(struct pil_trust *trust, const char *domain,
                    void (*told)(void *cookie, const struct pil_trust_file *file), void *cookie)
{
    for (size_t i = 0; i < trust->count; i++)
        if (read_one(&trust->file[i], domain))
            told(cookie, &trust->file[i]);
}
