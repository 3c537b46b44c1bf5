// flags: -static
// refused> a static program cannot be covered
/* Linked statically: no preload reaches it, so it must not be started at all. */
#include <stdio.h>

int main(void)
{
    puts("started");
    return 0;
}
