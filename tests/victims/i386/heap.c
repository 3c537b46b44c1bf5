// flags: -I. -no-pie
/* A program at a fixed place, whose heap grows up from there to a gigabyte. */
#include "tests/victims/victim.h"

int main(void)
{
    char *heap = sbrk(1 << 30);

    say("a gigabyte of heap", heap == (void *)-1 ? -1 : 0);
    heap[0] = heap[(1 << 30) - 1] = 1;
    return 0;
}
