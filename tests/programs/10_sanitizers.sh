#!/bin/sh
# Programs that were built with a sanitizer, and programs that run inside valgrind: they take large
# parts of the address space for themselves, and interpose the functions that Pillion interposes.
set -u
. "$(dirname "$0")/common"
need gcc
base=$subject program=$tmp/program

# The traps that have the most to do with threads, forks, signals and descriptors.
victims="connect_nonblock errno_kept threads close_all signal_handler posix_spawn"

source_of() { # VICTIM: its source, with or without a number in front
    ls tests/victims/"$1".c tests/victims/[0-9][0-9]_"$1".c 2>/dev/null
}

scenario() {
    $RUN $inside "$program" 2>&1
}

compare() { # KIND VICTIM
    subject="$base: $1, $2"
    rm -rf "$tmp/native" "$tmp/pillion"
    compare_legs
}

skip() { # KIND REASON
    echo "ok - $base: $1 # SKIP $2"
}

sanitizer() { # KIND COMPILER FLAG
    command -v "$2" >/dev/null || { skip "$1" "$2 is not installed"; return; }
    for victim in $victims; do
        source=$(source_of "$victim")
        # shellcheck disable=SC2046
        "$2" "$3" -O1 -D_GNU_SOURCE -o "$program" "$source" \
            $(sed -n '1s|^// flags: ||p' "$source") 2>"$tmp/build.log" ||
            { skip "$1" "cannot build: $(tail -1 "$tmp/build.log")"; return; }
        compare "$1" "$victim"
    done
}

inside=
# Leaks of a victim are its own, and their report has addresses in it.
export ASAN_OPTIONS=detect_leaks=0
sanitizer asan gcc -fsanitize=address
sanitizer tsan gcc -fsanitize=thread
sanitizer ubsan gcc -fsanitize=undefined
sanitizer msan clang -fsanitize=memory
sanitizer static-asan clang -fsanitize=address
if command -v valgrind >/dev/null; then
    inside="valgrind --quiet --error-exitcode=9"
    victims="connect_nonblock errno_kept close_all signal_handler posix_spawn" # the others: minutes
    sanitizer valgrind gcc -g
else
    skip valgrind "valgrind is not installed"
fi
