#include "policyd/tls/sessions.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "core/err.h"

struct entry {
    struct entry *newer, *older; /* by use */
    LIST_ENTRY(entry) in_bucket;
    struct pil_session_key key;
    struct pil_session session;
    int64_t made;
};

LIST_HEAD(bucket, entry);

struct pil_sessions {
    pthread_mutex_t lock;
    struct entry *newest, *oldest;     /* by use */
    unsigned count, max, bucket_count; /* bucket_count is a power of two */
    struct bucket buckets[];
};

int64_t pil_sessions_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec;
}

bool pil_sessions_key(const char *own, const struct pil_ip *ip, uint16_t port, uint64_t bundle,
                      struct pil_session_key *out)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(md, ip, sizeof(*ip)) == 1 &&
                EVP_DigestUpdate(md, &port, sizeof(port)) == 1 &&
                EVP_DigestUpdate(md, &bundle, sizeof(bundle)) == 1 &&
                EVP_DigestUpdate(md, own, strlen(own)) == 1 &&
                EVP_DigestFinal_ex(md, out->at, NULL) == 1;

    EVP_MD_CTX_free(md);
    return good;
}

/* Keys are digests or random numbers of our own: any part of them is a hash. */
static struct bucket *bucket_of(struct pil_sessions *s, const struct pil_session_key *key)
{
    uint32_t hash;

    memcpy(&hash, key->at, sizeof(hash));
    return &s->buckets[hash & (s->bucket_count - 1)];
}

static struct entry *find(struct pil_sessions *s, const struct pil_session_key *key)
{
    struct entry *e;

    LIST_FOREACH(e, bucket_of(s, key), in_bucket)
    if (memcmp(&e->key, key, sizeof(*key)) == 0)
        return e;
    return NULL;
}

static void link_newest(struct pil_sessions *s, struct entry *e)
{
    e->newer = NULL;
    e->older = s->newest;
    if (s->newest)
        s->newest->newer = e;
    else
        s->oldest = e;
    s->newest = e;
}

static void unlink_use(struct pil_sessions *s, struct entry *e)
{
    if (e->newer)
        e->newer->older = e->older;
    else
        s->newest = e->older;
    if (e->older)
        e->older->newer = e->newer;
    else
        s->oldest = e->newer;
}

static void drop(struct pil_sessions *s, struct entry *e)
{
    if (!e)
        return;
    LIST_REMOVE(e, in_bucket);
    unlink_use(s, e);
    s->count--;
    pil_session_clear(&e->session);
    free(e);
}

static bool is_over(const struct entry *e, int64_t now)
{
    return now - e->made >= PIL_SESSION_SECONDS;
}

/* One more holder of each member; of the session a copy, since handshakes write to theirs. */
static bool copy(const struct pil_session *from, struct pil_session *to)
{
    memset(to, 0, sizeof(*to));
    to->ssl = SSL_SESSION_dup(from->ssl);
    to->leaf = X509_up_ref(from->leaf) == 1 ? from->leaf : NULL;
    to->chain = from->chain ? X509_chain_up_ref(from->chain) : NULL;
    if (to->ssl && to->leaf && (to->chain || !from->chain))
        return true;
    pil_session_clear(to);
    return false;
}

int pil_sessions_open(unsigned max, struct pil_sessions **out)
{
    struct pil_sessions *s;
    unsigned buckets = 1;

    while (buckets < max && buckets < 65536)
        buckets *= 2;
    s = calloc(1, sizeof(*s) + buckets * sizeof(s->buckets[0]));
    if (!s)
        return PIL_E_NOMEM;
    pthread_mutex_init(&s->lock, NULL);
    s->max = max;
    s->bucket_count = buckets;
    *out = s;
    return PIL_OK;
}

/* The oldest when it is full; and some that are over, so that those go sooner than they came. */
static void make_room(struct pil_sessions *s, int64_t now)
{
    struct entry *e = s->oldest, *next;
    bool full = s->count >= s->max;

    for (unsigned i = 0; e && i < 3 && (full || is_over(e, now)); i++, e = next) {
        next = e->newer;
        drop(s, e);
        full = false;
    }
}

void pil_sessions_put(struct pil_sessions *s, const struct pil_session_key *key,
                      const struct pil_session *session, int64_t now)
{
    struct entry *e = calloc(1, sizeof(*e));

    if (!e || !copy(session, &e->session)) {
        free(e);
        return;
    }
    e->key = *key;
    e->made = now;
    pthread_mutex_lock(&s->lock);
    drop(s, find(s, key));
    make_room(s, now);
    LIST_INSERT_HEAD(bucket_of(s, key), e, in_bucket);
    link_newest(s, e);
    s->count++;
    pthread_mutex_unlock(&s->lock);
}

bool pil_sessions_get(struct pil_sessions *s, const struct pil_session_key *key,
                      struct pil_session *out, int64_t now)
{
    struct entry *e;
    bool got;

    pthread_mutex_lock(&s->lock);
    e = find(s, key);
    if (e && is_over(e, now)) {
        drop(s, e);
        e = NULL;
    }
    got = e && copy(&e->session, out);
    if (got) {
        unlink_use(s, e);
        link_newest(s, e);
    }
    pthread_mutex_unlock(&s->lock);
    return got;
}

void pil_sessions_drop(struct pil_sessions *s, const struct pil_session_key *key)
{
    pthread_mutex_lock(&s->lock);
    drop(s, find(s, key));
    pthread_mutex_unlock(&s->lock);
}

void pil_session_clear(struct pil_session *session)
{
    SSL_SESSION_free(session->ssl);
    X509_free(session->leaf);
    sk_X509_pop_free(session->chain, X509_free);
    memset(session, 0, sizeof(*session));
}

unsigned pil_sessions_count(struct pil_sessions *s)
{
    unsigned count;

    pthread_mutex_lock(&s->lock);
    count = s->count;
    pthread_mutex_unlock(&s->lock);
    return count;
}

void pil_sessions_close(struct pil_sessions *s)
{
    struct entry *next;

    if (!s)
        return;
    for (struct entry *e = s->oldest; e; e = next) {
        next = e->newer;
        drop(s, e);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}
