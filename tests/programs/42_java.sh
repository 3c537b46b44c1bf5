#!/bin/sh
# also: 41
# java: ProcessBuilder by vfork, by posix_spawn and by fork, in a program with many threads.
set -u
. "$(dirname "$0")/common"
need java perl
if ! java -version >/dev/null 2>&1 || ! java --list-modules | grep -q jdk.compiler; then
    echo "ok - java # SKIP the compiler is not installed, only a runtime"
    exit 0
fi

scenario() {
    for way in VFORK POSIX_SPAWN FORK; do
        echo $way
        # shellcheck disable=SC2086
        $RUN java -XX:+UseSerialGC -Djdk.lang.Process.launchMechanism=$way \
            tests/programs/Spawn.java
    done
}
compare_legs
