/*
 * What the routines of libcrypto.a ask their library for, answered without that library: which
 * instructions the processor has, and memory, of which there is only the caller's.
 */
#if defined(__x86_64__)
#include "shim/aead_lib.h"

#include <cpuid.h>

#include "core/record.h"

#define LEAF1_EDX_RESERVED (1u << 20)
#define LEAF1_EDX_INTEL    (1u << 30) /* OpenSSL's own use of a bit */
#define LEAF1_ECX_XOP      (1u << 11) /* likewise */
#define LEAF1_ECX_FMA      (1u << 12)
#define LEAF1_ECX_OSXSAVE  (1u << 27)
#define LEAF1_ECX_AVX      (1u << 28)
#define LEAF7_EBX_AVX2     (1u << 5)
#define LEAF7_EBX_AVX512   0xd8230000u /* F, DQ, IFMA, PF, ER, CD, BW, VL; not SHA */
#define XCR0_SSE_AND_AVX   6u
#define LEAF7_EBX_SHA      (1u << 29)
_Static_assert(!(LEAF7_EBX_AVX512 & LEAF7_EBX_SHA), "SHA is not of AVX-512");

unsigned OPENSSL_ia32cap_P[4];

static unsigned xcr0(void)
{
    unsigned low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/* The wide registers of AVX-512 are left alone: they slow the processor down for the program. */
void pil_aead_lib_probe(void)
{
    unsigned eax, ebx = 0, ecx = 0, edx = 0, leaf7 = 0, vendor = 0;

    __cpuid(0, eax, vendor, ecx, edx);
    if (eax >= 7)
        __cpuid_count(7, 0, eax, leaf7, ecx, edx);
    __cpuid(1, eax, ebx, ecx, edx);
    edx &= ~(LEAF1_EDX_RESERVED | LEAF1_EDX_INTEL);
    if (vendor == signature_INTEL_ebx)
        edx |= LEAF1_EDX_INTEL;
    ecx &= ~LEAF1_ECX_XOP;
    leaf7 &= ~LEAF7_EBX_AVX512;
    if (!(ecx & LEAF1_ECX_OSXSAVE) || (xcr0() & XCR0_SSE_AND_AVX) != XCR0_SSE_AND_AVX) {
        ecx &= ~(LEAF1_ECX_AVX | LEAF1_ECX_FMA);
        leaf7 &= ~LEAF7_EBX_AVX2;
    }
    OPENSSL_ia32cap_P[0] = edx;
    OPENSSL_ia32cap_P[1] = ecx;
    OPENSSL_ia32cap_P[2] = leaf7;
}

void OPENSSL_cleanse(void *at, size_t len)
{
    pil_record_wipe(at, len);
}

int pil_aead_lib_differ(const uint8_t *a, const uint8_t *b, size_t len)
{
    unsigned differ = 0;

    while (len-- > 0)
        differ |= a[len] ^ b[len];
    __asm__("" : "+r"(differ));
    return differ != 0;
}

int CRYPTO_memcmp(const void *a, const void *b, size_t len)
{
    return pil_aead_lib_differ(a, b, len);
}

/* A GCM context is made by asking for its memory once: this is the room it shall lie in. */
static __thread void *gcm_room;

void *CRYPTO_malloc(size_t len, const char *file, int line)
{
    void *room = gcm_room;

    (void)file, (void)line;
    gcm_room = NULL;
    return len <= PIL_GCM_ROOM ? room : NULL;
}

void CRYPTO_clear_free(void *at, size_t len, const char *file, int line)
{
    (void)file, (void)line;
    pil_record_wipe(at, len);
}

void *pil_aead_lib_gcm(void *room, void *key, pil_block *block)
{
    gcm_room = room;
    return CRYPTO_gcm128_new(key, block);
}
#endif
