// sources: policyd/identity/revoke.c policyd/identity/spiffe.c policyd/identity/cert.c
// sources: policyd/identity/keep.c policyd/identity/keys.c policyd/identity/files.c
// sources: policyd/identity/files_read.c policyd/identity/trust.c policyd/identity/verify.c
// sources: policyd/identity/bundle.c policyd/identity/svid.c policyd/identity/ca.c
// sources: policyd/identity/ca_file.c conf/settings.c conf/diag.c core/err.c core/bytes.c
// sources: -lcrypto -lconfuse
/*
 * What identities are read from: a list of revocations, roots of the built-in CA, PEM files of
 * another agent. The first byte says which; any bytes are read without a fault, what is refused has
 * a sentence, and what was read keeps its promises.
 */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "policyd/identity/ca_file.h"
#include "policyd/identity/files.h"
#include "policyd/identity/keys.h"
#include "policyd/identity/revoke.h"
#include "policyd/identity/spiffe.h"

#define NOW INT64_C(1795629600000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void revocations(const char *text, size_t len)
{
    struct pil_revoked list;
    char problem[256] = "", spelled[PIL_SPIFFE_MAX + 1];
    int err = pil_revoked_parse(text, len, &list, problem, sizeof(problem));

    need(err ? problem[0] && list.count == 0 : list.count <= PIL_REVOKED_MAX);
    for (size_t i = 0; i < list.count; i++) {
        need(i == 0 || strcmp(list.what[i - 1], list.what[i]) < 0);
        need(pil_revoked_spell(list.what[i], spelled, sizeof(spelled)));
        need(strcmp(spelled, list.what[i]) == 0);
        need(pil_revoked_has(&list, list.what[i]));
    }
    pil_revoked_free(&list);
}

static void roots(const char *text)
{
    struct pil_ca_roots list;
    char problem[256] = "";
    int err = pil_ca_file_parse(text, "corp.example", &list, problem, sizeof(problem));

    need(err ? problem[0] && list.count == 0 : list.count > 0 && list.count <= PIL_CA_ROOTS);
    pil_ca_roots_free(&list);
}

static void files(const char *text, size_t len)
{
    struct pil_files_text set = {text, text, text, len, len, len};
    struct pil_svid *svid = NULL;
    STACK_OF(X509) *anchors = NULL;
    char problem[320] = "";
    int err = pil_files_parse(&set, "corp.example", NOW, &svid, &anchors, problem, sizeof(problem));

    need(err ? problem[0] && !svid && !anchors : svid && anchors);
    need(err ||
         (strncmp(svid->id, "spiffe://corp.example/", 22) == 0 && pil_svid_valid(svid, NOW)));
    pil_svid_unref(svid);
    sk_X509_pop_free(anchors, X509_free);
}

static void id(const char *text, size_t len)
{
    struct pil_spiffe spiffe;

    if (pil_spiffe_parse((struct pil_slice){text, len}, &spiffe))
        return;
    need(len <= PIL_SPIFFE_MAX && !memchr(text, '\0', len) && !memchr(text, '%', len));
    need(spiffe.domain.len > 0 && 9 + spiffe.domain.len + spiffe.path.len == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static bool open;
    char *text;

    if (!open && pil_keys_open())
        abort();
    open = true;
    if (len == 0)
        return 0;
    text = calloc(1, len);
    memcpy(text, data + 1, len - 1);
    switch (data[0] % 4) {
    case 0:
        revocations(text, len - 1);
        break;
    case 1:
        roots(text);
        break;
    case 2:
        files(text, len - 1);
        break;
    default:
        id(text, len - 1);
    }
    free(text);
    return 0;
}
