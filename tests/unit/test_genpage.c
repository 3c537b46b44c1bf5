/* core/genpage: generation and fields travel in one word; a fresh page serves nothing. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/genpage.h"

static void a_fresh_page_has_no_generation(void **state)
{
    struct pil_genpage page;

    (void)state;
    memset(&page, 0xff, sizeof(page));
    pil_genpage_init(&page);
    assert_err(pil_genpage_check(&page), PIL_OK);
    assert_true(pil_genpage_word(&page) == 0);
    assert_true(pil_genpage_generation(pil_genpage_word(&page)) == 0);
    assert_false(pil_genpage_is_retired(&page));
}

static void other_pages_are_refused(void **state)
{
    struct pil_genpage page = {0};

    (void)state;
    assert_err(pil_genpage_check(&page), PIL_E_MALFORMED);
    pil_genpage_init(&page);
    page.version++;
    assert_err(pil_genpage_check(&page), PIL_E_VERSION);
    page.magic ^= 1;
    assert_err(pil_genpage_check(&page), PIL_E_MALFORMED);
}

static void generation_and_fields_do_not_mix(void **state)
{
    const uint64_t millis = 1790000000000; /* as policyd starts counting */
    struct pil_genpage page;
    uint64_t word;

    (void)state;
    pil_genpage_init(&page);
    for (unsigned fields = 0; fields <= PIL_FIELD_ALL; fields++) {
        pil_genpage_publish(&page, millis + fields, fields);
        word = pil_genpage_word(&page);
        assert_true(pil_genpage_generation(word) == millis + fields);
        assert_int_equal(pil_genpage_fields(word), fields);
    }
    /* Bits that are no field never reach the generation. */
    pil_genpage_publish(&page, 1, 0xffffffffu);
    assert_true(pil_genpage_generation(pil_genpage_word(&page)) == 1);
    assert_int_equal(pil_genpage_fields(pil_genpage_word(&page)), PIL_FIELD_ALL);
}

static void retirement_stays(void **state)
{
    struct pil_genpage page;

    (void)state;
    pil_genpage_init(&page);
    pil_genpage_publish(&page, 5, 0);
    pil_genpage_retire(&page);
    assert_true(pil_genpage_is_retired(&page));
    assert_true(pil_genpage_generation(pil_genpage_word(&page)) == 5);
}

#define ROUNDS 200000u

static void *publish_all(void *arg)
{
    for (uint64_t g = 1; g <= ROUNDS; g++)
        pil_genpage_publish(arg, g, (unsigned)(g & PIL_FIELD_ALL));
    return NULL;
}

/* A reader never sees the fields of one generation beside the number of another. */
static void readers_see_whole_words_that_only_grow(void **state)
{
    struct pil_genpage page;
    pthread_t writer;
    uint64_t last = 0;

    (void)state;
    pil_genpage_init(&page);
    assert_int_equal(pthread_create(&writer, NULL, publish_all, &page), 0);
    while (last < ROUNDS) {
        uint64_t word = pil_genpage_word(&page), now = pil_genpage_generation(word);

        assert_true(now >= last);
        assert_int_equal(pil_genpage_fields(word), now & PIL_FIELD_ALL);
        last = now;
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
}

/* Sealed as policyd seals it: readers follow the writer's mapping and can make none of their own
 * that writes. */
static void a_sealed_page_cannot_be_written_by_readers(void **state)
{
    int fd = memfd_create("genpage", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct pil_genpage *writer;
    const struct pil_genpage *reader;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, PIL_GENPAGE_SIZE), 0);
    writer = mmap(NULL, PIL_GENPAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(writer, MAP_FAILED);
    pil_genpage_init(writer);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE), 0);
    assert_ptr_equal(mmap(NULL, PIL_GENPAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
                     MAP_FAILED);
    reader = mmap(NULL, PIL_GENPAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(reader, MAP_FAILED);
    pil_genpage_publish(writer, 77, PIL_FIELD_NAME);
    assert_true(pil_genpage_generation(pil_genpage_word(reader)) == 77);
    assert_int_equal(pil_genpage_fields(pil_genpage_word(reader)), PIL_FIELD_NAME);
    munmap((void *)reader, PIL_GENPAGE_SIZE);
    munmap(writer, PIL_GENPAGE_SIZE);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_page_has_no_generation),
        cmocka_unit_test(other_pages_are_refused),
        cmocka_unit_test(generation_and_fields_do_not_mix),
        cmocka_unit_test(retirement_stays),
        cmocka_unit_test(readers_see_whole_words_that_only_grow),
        cmocka_unit_test(a_sealed_page_cannot_be_written_by_readers),
    };

    return cmocka_run_group_tests_name("genpage", tests, NULL, NULL);
}
