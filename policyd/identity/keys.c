#include "policyd/identity/keys.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"

/* Room for thousands of identities and of handshakes at once; a key takes 32 bytes of it. */
#define HEAP_BYTES (2u << 20)
#define HEAP_PIECE 32u

static bool is_open, is_locked;

/* The mapping that `in` lies in. Its ends are pages that nobody may touch, so it stands alone. */
static bool find_mapping(const void *in, uintptr_t *start, uintptr_t *end)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    bool found = false;
    char line[512];

    while (maps && !found && fgets(line, sizeof(line), maps))
        found = sscanf(line, "%" SCNxPTR "-%" SCNxPTR, start, end) == 2 &&
                *start <= (uintptr_t)in && (uintptr_t)in < *end;
    if (maps)
        fclose(maps);
    return found;
}

/* Children of policyd (the loader of a policy) have no use for keys. */
static bool keep_from_children(void)
{
    void *piece = OPENSSL_secure_malloc(HEAP_PIECE);
    uintptr_t start, end;
    bool good = piece && CRYPTO_secure_allocated(piece) && find_mapping(piece, &start, &end) &&
                madvise((void *)start, end - start, MADV_DONTFORK) == 0 &&
                madvise((void *)start, end - start, MADV_DONTDUMP) == 0;

    OPENSSL_secure_free(piece);
    return good;
}

int pil_keys_open(void)
{
    int made;

    if (is_open)
        return PIL_OK;
    made = CRYPTO_secure_malloc_init(HEAP_BYTES, HEAP_PIECE); /* 2: it could not be locked */
    if (made == 0 || !keep_from_children())
        return PIL_E_SYSTEM;
    is_open = true;
    is_locked = made == 1;
    return PIL_OK;
}

bool pil_keys_locked(void)
{
    return is_locked;
}

EVP_PKEY *pil_keys_make(void)
{
    return EVP_EC_gen("P-256");
}

/* OpenSSL would ask at a terminal. */
static int no_password(char *room, int cap, int writing, void *cookie)
{
    (void)room, (void)cap, (void)writing, (void)cookie;
    return -1;
}

EVP_PKEY *pil_keys_pem(const char *text, size_t len)
{
    BIO *bio = len <= INT_MAX ? BIO_new_mem_buf(text, (int)len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return key;
}

char *pil_keys_read(int fd, size_t max, size_t *len)
{
    size_t size = 0, have = 0;
    char *text = NULL;
    struct stat st;
    ssize_t got = 1;

    *len = 0;
    if (fstat(fd, &st))
        return NULL;
    size = (size_t)st.st_size;
    errno = EFBIG;
    if (size <= max)
        text = size <= PIL_KEYS_FILE ? OPENSSL_secure_malloc(size + 1) : OPENSSL_malloc(size + 1);
    if (!text)
        return NULL;
    while (have <= size && (got = read(fd, text + have, size + 1 - have)) > 0)
        have += (size_t)got;
    if (got == 0) {
        text[have] = '\0';
        *len = have;
        return text;
    }
    pil_keys_free(text, size + 1);
    errno = have > size ? EFBIG : EIO;
    return NULL;
}

void pil_keys_free(char *text, size_t len)
{
    if (text)
        OPENSSL_cleanse(text, len);
    OPENSSL_secure_free(text);
}
