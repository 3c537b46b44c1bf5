#include "policyd/identity/ca_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/err.h"
#include "policyd/identity/keep.h"
#include "policyd/identity/keys.h"
#include "policyd/identity/verify.h"

#define FILE_MAX (64u << 10)
#define FOLDER   "ca"

static const char head[] = "pillion-ca 1\n", tail[] = "end\n";

/* ---- reading -------------------------------------------------------------------------------- */

struct reading {
    const char *domain;
    struct pil_ca_roots *out;
    char *problem;
    size_t cap;
};

static int bad(const struct reading *r, const char *what)
{
    snprintf(r->problem, r->cap, "root %u: %s", r->out->count + 1, what);
    return PIL_E_MALFORMED;
}

/* "root active\n": its state and what is behind it. */
static const char *take_line(const char *at, enum pil_ca_state *state)
{
    for (unsigned i = PIL_CA_PREPARED; i <= PIL_CA_OLD; i++) {
        char line[32];
        int len = snprintf(line, sizeof(line), "root %s\n", pil_ca_state_name(i));

        if (strncmp(at, line, (size_t)len) != 0)
            continue;
        *state = i;
        return at + len;
    }
    return NULL;
}

/* The next line that is none of PEM; the end when there is none. */
static const char *next_line_of(const char *at)
{
    const char *root = strstr(at, "\nroot "), *end = strstr(at, "\nend\n");

    if (!root || (end && end < root))
        root = end;
    return root ? root + 1 : at + strlen(at);
}

/* What lies between this root's line and the next one's. */
static int take_root(struct reading *r, enum pil_ca_state state, const char *at, size_t len)
{
    BIO *bio = BIO_new_mem_buf(at, (int)len);
    struct pil_ca_root root = {.state = state};
    char detail[160] = "";
    int err = PIL_OK;

    root.cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    root.key = root.cert && state != PIL_CA_OLD ? pil_keys_pem(at, len) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    if (!root.cert)
        err = bad(r, "its certificate cannot be read");
    else if (pil_verify_root(root.cert, r->domain, detail, sizeof(detail)))
        err = bad(r, detail);
    else if (state != PIL_CA_OLD && !root.key)
        err = bad(r, "its key cannot be read");
    else if (root.key && X509_check_private_key(root.cert, root.key) != 1)
        err = bad(r, "its key is another's");
    ERR_clear_error();
    if (!err) {
        r->out->item[r->out->count++] = root;
        return PIL_OK;
    }
    X509_free(root.cert);
    EVP_PKEY_free(root.key);
    return err;
}

static unsigned count(const struct pil_ca_roots *roots, enum pil_ca_state state)
{
    unsigned n = 0;

    for (unsigned i = 0; i < roots->count; i++)
        n += roots->item[i].state == state;
    return n;
}

static int take_all(struct reading *r, const char *text)
{
    const char *at = strncmp(text, head, sizeof(head) - 1) == 0 ? text + sizeof(head) - 1 : NULL;
    int err = PIL_OK;

    if (!at)
        return bad(r, "the file does not begin with \"pillion-ca 1\"");
    while (!err && strcmp(at, tail) != 0) {
        enum pil_ca_state state;
        const char *body = take_line(at, &state);

        if (!body || r->out->count == PIL_CA_ROOTS)
            return bad(r, body ? "there are more than 16" : "legal is \"root STATE\" or \"end\"");
        at = next_line_of(body);
        err = take_root(r, state, body, (size_t)(at - body));
    }
    if (!err && (count(r->out, PIL_CA_ACTIVE) != 1 || count(r->out, PIL_CA_PREPARED) > 1))
        err = bad(r, "legal is one active root and at most one prepared");
    return err;
}

int pil_ca_file_parse(const char *text, const char *domain, struct pil_ca_roots *out, char *problem,
                      size_t cap)
{
    struct reading r = {domain, out, problem, cap};
    int err;

    *out = (struct pil_ca_roots){0};
    err = take_all(&r, text);
    if (err)
        pil_ca_roots_free(out);
    return err;
}

int pil_ca_file_load(const char *folder, const char *domain, struct pil_ca_roots *out,
                     char *problem, size_t cap)
{
    char *text = NULL, detail[256] = "";
    size_t len = 0;
    int err = pil_keep_read(folder, FOLDER, domain, FILE_MAX, &text, &len, problem, cap);

    if (err)
        return err;
    if (strlen(text) != len)
        err = PIL_E_MALFORMED, snprintf(detail, sizeof(detail), "it holds a NUL byte");
    else
        err = pil_ca_file_parse(text, domain, out, detail, sizeof(detail));
    if (err)
        snprintf(problem, cap, "%s/" FOLDER "/%s: %s; a copy of it, or its removal, helps", folder,
                 domain, detail);
    pil_keys_free(text, len);
    return err;
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool put_root(BIO *bio, const struct pil_ca_root *root)
{
    if (BIO_printf(bio, "root %s\n", pil_ca_state_name(root->state)) <= 0 ||
        PEM_write_bio_X509(bio, root->cert) != 1)
        return false;
    return !root->key ||
           PEM_write_bio_PKCS8PrivateKey(bio, root->key, NULL, NULL, 0, NULL, NULL) == 1;
}

int pil_ca_file_save(const char *folder, const char *domain, const struct pil_ca_roots *roots,
                     char *problem, size_t cap)
{
    BIO *bio = BIO_new(BIO_s_secmem()); /* in the heap of keys, wiped when freed */
    bool good = bio && BIO_puts(bio, head) > 0;
    char *text = NULL;
    long len;
    int err;

    for (unsigned i = 0; good && i < roots->count; i++)
        good = put_root(bio, &roots->item[i]);
    good = good && BIO_puts(bio, tail) > 0;
    len = good ? BIO_get_mem_data(bio, &text) : 0;
    if (len > 0) {
        err = pil_keep_write(folder, FOLDER, domain, text, (size_t)len, problem, cap);
    } else {
        snprintf(problem, cap, "roots cannot be written: no memory");
        err = PIL_E_NOMEM;
    }
    BIO_free(bio);
    ERR_clear_error();
    return err;
}
