#!/bin/sh
# 32-bit programs under the 32-bit library: victims where the word size could matter, built for it,
# and those of i386/, which are about what only 32-bit programs do.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
VICTIMS='11_ctor 16_dlsym_default 17_bad_pointer 18_connect_blocking 19_getsockname_same
         19_options_same 21_fds_hidden 23_proc_status 25_connect_nonblock 28_unspec 29_fastopen
         32_cancel 33_close_range 35_dup_family 38_emfile 39_rights 41_fork_threads 42_vfork_exec
         45_exec_env_cleared 45_system_cleared 46_exec_family 46_posix_spawn 47_fork_connect
         51_signal_handler 52_small_stack 54_syscall_direct 58_udp accept_deny listen_deny resolve
         unix_sockets'

[ -e "$BUILD/lib/i386-linux-gnu/libpillion.so" ] || {
    echo "ok - 32-bit victims # SKIP there is no 32-bit library: the compiler has no -m32"
    exit 0
}
programs=$(mktemp -d) || exit 1
chmod 755 "$programs"
trap 'rm -rf "$programs"' EXIT

build() { # FOLDER NAME
    # shellcheck disable=SC2046
    ${CC:-cc} -m32 -O1 -g -D_GNU_SOURCE -o "$programs/$2" "$1/$2.c" \
        $(sed -n '1s|^// flags: ||p' "$1/$2.c") || echo "not ok - $2 is built"
}

for victim in $VICTIMS; do
    build tests/victims "$victim"
done
# shellcheck disable=SC2086
PROGRAMS=$programs WIDTH=32 VICTIMS=$(echo $VICTIMS) sh tests/victims/run.sh
for source in tests/victims/i386/*.c; do
    build tests/victims/i386 "$(basename "$source" .c)"
done
SOURCES=tests/victims/i386 PROGRAMS=$programs WIDTH=32 VICTIMS='' sh tests/victims/run.sh
