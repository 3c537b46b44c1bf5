#!/bin/sh
# socat between every two kinds of socket, forking.
set -u
. "$(dirname "$0")/common"
need socat perl

scenario() {
    first=$(free_port) second=$(free_port)
    later $RUN socat "TCP-LISTEN:$first,bind=127.0.0.1,fork,reuseaddr" EXEC:cat
    ready socat -u /dev/null "TCP:127.0.0.1:$first"
    later $RUN socat "UNIX-LISTEN:$dir/s,fork" "TCP:127.0.0.1:$first"
    ready test -S "$dir/s"
    later $RUN socat "TCP-LISTEN:$second,bind=127.0.0.1,fork,reuseaddr" "UNIX-CONNECT:$dir/s"
    ready socat -u /dev/null "TCP:127.0.0.1:$second"
    for i in 1 2 3 4 5; do
        echo "through the chain $i" | $RUN socat -t 10 - "TCP:127.0.0.1:$second"
    done
    echo "by name" | $RUN socat -t 10 - "TCP4:localhost:$first"
    head -c 1000000 /dev/zero | $RUN socat -t 10 - "TCP:127.0.0.1:$second" | wc -c
    later $RUN socat -u "UDP-RECV:$first,bind=127.0.0.1" "OPEN:$dir/udp,creat,append"
    ready sh -c "echo datagram | socat -u - UDP:127.0.0.1:$first && test -s '$dir/udp'"
    sort -u "$dir/udp"
    $RUN socat -u /dev/null TCP:127.0.0.1:1 2>/dev/null
    echo "refused: $?"
}
compare_legs
