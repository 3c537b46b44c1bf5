/*
 * policyd/identity/keys: where private keys lie, and who sees them.
 */
#include "tests/support/support.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policyd/identity/keys.h"

static int set_up(void **state)
{
    (void)state;
    assert_err(pil_keys_open(), PIL_OK);
    assert_err(pil_keys_open(), PIL_OK);
    EVP_PKEY_free(pil_keys_make()); /* OpenSSL's generators of numbers lie there from now on */
    return 0;
}

/* The kernel's flags of the mapping that p lies in: "rd wr mr ... lo dd dc". */
static void flags_of(const void *p, char *out, size_t cap)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    uintptr_t start = 0, end = 0;
    char line[512];

    out[0] = '\0';
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        uintptr_t a, b;

        if (sscanf(line, "%zx-%zx ", &a, &b) == 2)
            start = a, end = b;
        if (strncmp(line, "VmFlags:", 8) == 0 && start <= (uintptr_t)p && (uintptr_t)p < end)
            snprintf(out, cap, "%s", line);
    }
    fclose(maps);
}

static void the_heap_is_locked_and_out_of_dumps(void **state)
{
    char *piece = OPENSSL_secure_malloc(64), flags[512];
    struct rlimit limit;

    (void)state;
    assert_int_equal(CRYPTO_secure_allocated(piece), 1);
    flags_of(piece, flags, sizeof(flags));
    assert_non_null(strstr(flags, " dd")); /* not in core dumps */
    assert_non_null(strstr(flags, " dc")); /* not copied to children */
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    if (limit.rlim_cur >= (4u << 20)) {
        assert_true(pil_keys_locked());
        assert_non_null(strstr(flags, " lo"));
    } else {
        print_message("locked memory: SKIP RLIMIT_MEMLOCK allows %llu bytes\n",
                      (unsigned long long)limit.rlim_cur);
    }
    OPENSSL_secure_free(piece);
}

static size_t in_use(void)
{
    return CRYPTO_secure_used();
}

static void a_key_lies_in_it_and_leaves_nothing(void **state)
{
    size_t before = in_use();
    EVP_PKEY *key = pil_keys_make();
    const unsigned char *piece;

    (void)state;
    assert_non_null(key);
    assert_int_equal(EVP_PKEY_get_bits(key), 256);
    assert_true(in_use() > before);
    EVP_PKEY_free(key);
    assert_int_equal(in_use(), before);
    /* What the next one gets of it is wiped: only the list of free pieces has written there. */
    piece = OPENSSL_secure_malloc(32);
    for (size_t i = 2 * sizeof(void *); i < 32; i++)
        assert_int_equal(piece[i], 0);
    OPENSSL_secure_free((void *)piece);
}

/* A child that touches a key dies of it. */
static void children_have_no_keys(void **state)
{
    volatile char *piece = OPENSSL_secure_malloc(64);
    int status;
    pid_t child;

    (void)state;
    piece[0] = 'k';
    child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        _exit(piece[0] == 'k' ? 1 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    OPENSSL_secure_free((void *)piece);
}

static void thousands_have_room(void **state)
{
    static EVP_PKEY *key[8192];
    size_t before = in_use();

    (void)state;
    for (size_t i = 0; i < PIL_NELEM(key); i++)
        assert_non_null(key[i] = pil_keys_make());
    for (size_t i = 0; i < PIL_NELEM(key); i++)
        EVP_PKEY_free(key[i]);
    assert_int_equal(in_use(), before);
}

static void files_are_read_whole_or_not(void **state)
{
    char *folder = test_folder_make(), *path = test_file(folder, "f", "twelve bytes"), *text;
    FILE *file = fopen(path, "r");
    size_t len = 0;

    (void)state;
    assert_null(pil_keys_read(fileno(file), 11, &len));
    rewind(file);
    text = pil_keys_read(fileno(file), 12, &len);
    assert_string_equal(text, "twelve bytes");
    assert_int_equal(len, 12);
    assert_int_equal(CRYPTO_secure_allocated(text), 1);
    pil_keys_free(text, len);
    fclose(file);
    free(path);
    test_folder_remove(folder);
    pil_keys_free(NULL, 0);
}

static void a_key_with_a_password_is_refused_without_asking(void **state)
{
    static const char locked[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhVmz9v0T5tFAICCAAw\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n";

    (void)state;
    assert_null(pil_keys_pem(locked, sizeof(locked) - 1));
    assert_null(pil_keys_pem("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heap_is_locked_and_out_of_dumps),
        cmocka_unit_test(a_key_lies_in_it_and_leaves_nothing),
        cmocka_unit_test(children_have_no_keys),
        cmocka_unit_test(thousands_have_room),
        cmocka_unit_test(files_are_read_whole_or_not),
        cmocka_unit_test(a_key_with_a_password_is_refused_without_asking),
    };

    return cmocka_run_group_tests_name("identity_keys", tests, set_up, NULL);
}
