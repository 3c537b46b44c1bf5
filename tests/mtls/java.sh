#!/bin/sh
# java: streams and channels, with threads and with a selector.
set -u
. "$(dirname "$0")/common"
need java perl python3
java --list-modules 2>/dev/null | grep -q '^jdk.compiler' || {
    skip "$subject" 'the compiler is not installed, only a runtime'
    exit 0
}

scenario() {
    later $RUN java -XX:+UseSerialGC -Xshare:auto tests/mtls/Talk.java serve "$(port)" "$(port 2)"
    ready $RUN perl -MIO::Socket::INET -e '
        IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $_) or exit 1 for @ARGV' \
        "$(port)" "$(port 2)"
    $RUN java -XX:+UseSerialGC -Xshare:auto tests/mtls/Talk.java ask "$(port)" "$(port 2)" "$marker"
}
compare_secured
