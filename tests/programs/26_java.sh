#!/bin/sh
# also: 25
# java: threads, a selector, datagrams, names; with many threads of its own beside them.
set -u
. "$(dirname "$0")/common"
need java perl
java --list-modules 2>/dev/null | grep -q '^jdk.compiler' || {
    echo "ok - java # SKIP the compiler is not installed, only a runtime"
    exit 0
}

scenario() {
    $RUN java -XX:+UseSerialGC -Xshare:auto tests/programs/Network.java
}
compare_legs
