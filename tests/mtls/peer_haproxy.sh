#!/bin/sh
# One end under Pillion, at the other haproxy with TLS on its own: before a server, and before
# clients.
set -u
. "$(dirname "$0")/common"
need haproxy openssl redis-server redis-cli redis-benchmark perl python3
. tests/mtls/authority

ask() { # PORT COMMAND...: directly
    at=$1
    shift
    redis-cli -h 127.0.0.1 -p "$at" "$@"
}
through_ours() { ask "$inside" get key | grep -qx "$marker"; }
through_theirs() { $RUN redis-cli -h 127.0.0.1 -p "$(port 2)" get key | grep -qx "$marker"; }
benchmark() { # COMMAND...
    "$@" -h 127.0.0.1 -n 1000 -c 10 -t set,get -q >"$tmp/bench" 2>&1 &&
        [ "$(tr '\r' '\n' <"$tmp/bench" | grep -c 'requests per second')" = 2 ]
}

dir=$tmp/work
mkdir "$dir"
take_ports
start_secured
start_capture
learn_roots
inside=$(free_port) plain=$(free_port)
cat >"$dir/haproxy.cfg" <<CONF
global
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-server-options ssl-min-ver TLSv1.3
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen before_clients
    bind 127.0.0.1:$inside
    server ours 127.0.0.1:$(port) ssl crt $pki/peer.pem ca-file $pki/pillion.pem verify required
listen before_a_server
    bind 127.0.0.1:$(port 2) ssl crt $pki/peer.pem ca-file $pki/pillion.pem verify required
    server theirs 127.0.0.1:$plain
CONF
later $RUN redis-server --port "$(port)" --save '' --dir "$dir"
later redis-server --port "$plain" --save '' --dir "$dir"
later haproxy -db -f "$dir/haproxy.cfg"
ready sh -c "redis-cli -p $plain set key $marker | grep OK"
ready sh -c "redis-cli -p $inside set key $marker | grep OK"
ok "$subject: clients behind haproxy, to our server" through_ours
ok "$subject: the same, many and much" benchmark redis-benchmark -p "$inside"
ok "$subject: our clients, to a server behind haproxy" through_theirs
ok "$subject: the same, many and much" benchmark $RUN redis-benchmark -p "$(port 2)"
nothing_plain
