#!/bin/sh
# socat: both directions by one loop, children for each connection, and programs that get the
# connection itself as their input and output.
set -u
. "$(dirname "$0")/common"
need socat perl python3

to() { $RUN socat -t 10 - "TCP:127.0.0.1:$(port "$1")"; }
open_port() { $RUN socat -u /dev/null "TCP:127.0.0.1:$(port "$1")"; }

scenario() {
    head -c 2000000 /dev/urandom | base64 >"$dir/large"
    later $RUN socat "TCP-LISTEN:$(port),bind=127.0.0.1,reuseaddr,fork,backlog=64" EXEC:cat
    later $RUN socat "TCP-LISTEN:$(port 2),bind=127.0.0.1,reuseaddr,fork" EXEC:"sort -r",nofork
    later $RUN socat "TCP-LISTEN:$(port 3),bind=127.0.0.1,reuseaddr,fork" "TCP:127.0.0.1:$(port)"
    ready open_port 1
    ready open_port 2
    ready open_port 3
    for listener in 1 3; do
        echo "$marker" | to $listener
        to $listener <"$dir/large" | cmp - "$dir/large" && echo large
    done
    printf 'a\nc %s\nb\n' "$marker" | to 2
    seq 1 50000 | to 2 | cksum
    seq 1 20 | xargs -P 10 -I % sh -c "echo $marker-% |
        $RUN socat -t 10 - TCP:127.0.0.1:$(port)" | sort
    $RUN socat -u TCP:127.0.0.1:1 - 2>&1 | grep -o 'Connection refused'
}
compare_secured
