#!/bin/sh
# Each hook that there is has its lines in victims/17_every_hook.c or 17_every_hook_io.c, but for
# the ones below.
set -u
cd "$(dirname "$0")/../.." || exit 1
# Not functions that a program calls, or refused on purpose (55_io_uring.sh).
EXEMPT='__asan_default_options io_uring_setup io_uring_queue_init io_uring_queue_init_mem
        io_uring_queue_init_params'
missing=
hooks=$(${CC:-cc} -E -P -x c preload/exports.map | sed -n '/global:/,/local:/p' | tr -d ' ;' |
    grep -v ':$')
for name in $hooks; do
    case " $(echo $EXEMPT) " in *" $name "*) continue ;; esac
    grep -qhE "(CALL|POINTER|EXEC|TWICE|OUT|WAIT)\\($name," tests/victims/17_every_hook.c \
        tests/victims/17_every_hook_io.c || missing="$missing $name"
done
if [ -z "$missing" ]; then
    echo "ok - every hook is called"
else
    echo "not ok - every hook is called"
    echo "# not in tests/victims/17_every_hook*.c:$missing"
fi
