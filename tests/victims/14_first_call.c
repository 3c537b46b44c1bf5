// flags: -I. -pthread
// deny> first in the child: 40 of 40 rounds right
/*
 * What happens once in a process happens anew in a forked one: eight threads of each child make its
 * first calls at the same moment. Nobody serves port 1.
 */
#include "tests/victims/victim.h"

#define THREADS 8

static pthread_barrier_t all;

static void *race(void *arg)
{
    int *errors = arg;

    pthread_barrier_wait(&all);
    dial("127.0.0.1", 1);
    errors[0] = errno;
    dial("127.0.0.2", 1);
    errors[1] = errno;
    return NULL;
}

/* Both are refused by the peer, or the second one by a policy, in all threads alike. */
static int child(void)
{
    pthread_t thread[THREADS];
    int errors[THREADS][2], right = 0;

    pthread_barrier_init(&all, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, race, errors[i]))
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < THREADS; i++)
        right += errors[i][0] == ECONNREFUSED && errors[i][1] == errors[0][1] &&
                 (errors[i][1] == ECONNREFUSED || errors[i][1] == EACCES);
    return right == THREADS ? 0 : 1;
}

int main(void)
{
    int right = 0;

    for (int round = 0; round < 40; round++) {
        int status;
        pid_t pid = fork();

        if (pid == 0)
            _exit(child());
        right += waitpid(pid, &status, 0) == pid && status == 0;
    }
    printf("first in the child: %d of 40 rounds right\n", right);
    return 0;
}
