#!/bin/sh
# Two hosts that authenticate each other and encrypt, in half a minute: redis-server and redis-
# cli as Debian ships them, in two network namespaces that are joined by a cable, and what is on
# the cable. Needs root, for the namespaces and to listen in. Everything it starts has a private
# folder and is taken down at the end, also on Ctrl-C.
#
# Every step is checked: when something does not do what the text says, the demo says so and exits
# with 1.
set -u
cd "$(dirname "$0")/../.." || exit 1
here=examples/demo-mtls
. examples/demo/common
logs='store/policyd.out shop/policyd.out redis.out watcher.out'
word=opensesame # what must not be seen

# ---- two hosts ---------------------------------------------------------------------------------

# on HOST COMMAND...: in its network. `set_$host` is the process that holds the namespace.
on() {
    where=$1
    shift
    eval "holder=\$holder_$where"
    nsenter --net="/proc/$holder/ns/net" -- "$@"
}
# start_on HOST NAME COMMAND...: in the background. Not by `on`: a shell in front would end alone.
start_on() {
    eval "holder=\$holder_$1"
    name=$2
    shift 2
    start "$name" nsenter --net="/proc/$holder/ns/net" -- "$@"
}
apart() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

hold() { # HOST
    mkdir -p "$demo/$1/policy.d" || fail "no folder for $1"
    start "$1/namespace" unshare -n sleep infinity
    eval "holder_$1=$last"
    soon apart "$last" || fail 'no network namespace'
}
cable() {
    ip link add eth0 netns "$holder_shop" type veth peer name eth0 netns "$holder_store" &&
        on shop ip addr add 10.77.0.1/24 dev eth0 && on store ip addr add 10.77.0.2/24 dev eth0 ||
        fail 'no cable between the hosts'
    for host in shop store; do
        on $host ip link set lo up && on $host ip link set eth0 up || fail "the network of $host"
    done
}

listen_in() { # NAME: what crosses the cable goes to NAME.wire
    start_on store "$1" python3 tests/mtls/capture.py "$demo/$1.wire" eth0 6379
    capture=$last
    soon grep -q ready "$demo/$1.out" || fail 'cannot listen in'
}

pillion_on() { # HOST VERB...
    at=$1 verb=$2
    shift 2
    "$BUILD/pillion" "$verb" --socket "$demo/$at/policyd.sock" "$@"
}
# A program under Pillion, on a host.
covered() { # HOST COMMAND...
    at=$1
    shift
    on "$at" "$BUILD/pillion" run --socket "$demo/$at/policyd.sock" -- "$@"
}
buyer() { covered shop timeout 10 redis-cli -h 10.77.0.2 "$@" 2>&1; }
answers() { [ "$(buyer ping)" = PONG ]; }

serial_of() { # HOST WORKLOAD
    pillion_on "$1" identity | awk -v who="$2" '$1 == who { print $3 }'
}

missing() {
    for program in cc make redis-server redis-cli python3 ip nsenter unshare; do
        command -v $program >/dev/null || echo "$program"
    done
}

prepare() {
    [ "$(id -u)" = 0 ] || { echo 'demo-mtls needs root: it makes network namespaces' >&2; exit 1; }
    install_missing
    demo=$(mktemp -d /tmp/pillion-demo-XXXXXX) || fail 'no private folder'
    chmod 711 "$demo"
    build
    hold shop
    hold store
    cable
}

# ---- the steps ---------------------------------------------------------------------------------

as_they_are() {
    step 'As they are, redis-cli on one host, redis-server on the other: others can read along.'
    start_on store redis redis-server --bind 10.77.0.2 --port 6379 --save '' --protected-mode no \
        --dir "$demo"
    plain_redis=$last
    soon on shop redis-cli -h 10.77.0.2 ping || fail 'redis does not answer'
    listen_in plain
    command_line "redis-cli -h 10.77.0.2 set password $word"
    on shop redis-cli -h 10.77.0.2 set password $word | shown
    soon grep -aq $word "$demo/plain.wire" || fail 'the capture does not work'
    say 'On the cable:'
    tr -c '[:print:]' '.' <"$demo/plain.wire" | fold -w 72 | grep -a $word | head -n 2 | shown
    on shop redis-cli -h 10.77.0.2 shutdown nosave
    wait "$plain_redis"
    kill "$capture"
}

two_authorities() {
    step 'Each host gets a policyd, with a CA of its own that trusts the root of the other.'
    for host in shop store; do
        sed "s|HOST|$demo/$host|g" $here/policyd.conf >"$demo/$host/policyd.conf"
        cp $here/policy.conf "$demo/$host/policy.d/" && : >"$demo/$host/trusted.pem" ||
            fail 'cannot write'
        start $host/policyd "$BUILD/policyd" -f -c "$demo/$host/policyd.conf"
        soon pillion_on $host identity roots || fail "policyd on $host did not start"
    done
    trust shop store
    trust store shop
    command_line 'pillion identity roots >store.pem    # and trust = {"store.pem"} on the shop'
    say "The policy is $here/policy.conf: TLS alone at that port, and a buyer alone gets in."
    start_on store redis "$BUILD/pillion" run --socket "$demo/store/policyd.sock" -- \
        redis-server --bind 10.77.0.2 --port 6379 --save '' --protected-mode no --dir "$demo"
    soon answers || fail "redis does not answer to a buyer: $(buyer ping)"
    command_line 'pillion identity    # on the store'
    pillion_on store identity >"$demo/out" || fail 'pillion identity'
    shown <"$demo/out"
}

# trust A B: A believes what B signs from now on.
trust() {
    pillion_on "$2" identity roots >"$demo/$1/trusted.pem" && pillion_on "$1" reload >/dev/null ||
        fail "$1 does not take the roots of $2"
}

encrypted() {
    step 'The same two programs, unchanged, under Pillion: they speak TLS 1.3 and do not know.'
    listen_in secured
    command_line "pillion run -- redis-cli -h 10.77.0.2 set password $word"
    buyer set password $word | shown
    command_line 'pillion run -- redis-cli -h 10.77.0.2 get password'
    buyer get password >"$demo/out"
    shown <"$demo/out"
    grep -q $word "$demo/out" || fail 'redis has not kept the word'
    soon has_records || fail 'there is no TLS on the cable'
    say 'On the cable, from the first byte of a connection; 16 03 is how TLS begins:'
    od -A d -t x1 -N 48 "$demo/secured.wire" | shown
    grep -aq $word "$demo/secured.wire" && fail 'the word is on the cable'
    grep -aq password "$demo/secured.wire" && fail 'a command is on the cable'
    say "$(wc -c <"$demo/secured.wire") bytes, $(records) records of application data;" \
        "\"$word\" is nowhere in them."
}
records() { LC_ALL=C grep -aoP '\x17\x03\x03' "$demo/secured.wire" | wc -l; }
has_records() { [ "$(records)" -gt 4 ]; }

nobody() {
    step 'Who is nobody does not get in, from the same host and the same address.'
    command_line 'redis-cli -h 10.77.0.2 get password    # not under Pillion'
    on shop redis-cli -h 10.77.0.2 get password >"$demo/out" 2>&1 </dev/null
    grep -q $word "$demo/out" && fail 'a client without identity was served'
    head -n 1 "$demo/out" | shown
    say 'redis-server has not heard of it. The log of the store has:'
    soon grep -q '"reason":"plaintext"' "$demo/store/decisions.log" || fail 'it is not logged'
    grep '"reason":"plaintext"' "$demo/store/decisions.log" | tail -n 1 | record | shown
}
# What counts of a record of the log, which is one line of JSON.
record() {
    tr ',{}' '\n\n\n' | tr -d '"' | awk -F: '
        $1 ~ /^(event|workload|source|reason|peer|serial|cause|by|seconds)$/ { print }' |
        fold -s -w 72
}

rotation() {
    step 'A connection that stands while the CA of the shop is rotated.'
    command_line 'pillion run -- redis-cli -h 10.77.0.2 subscribe orders'
    start_on shop watcher "$BUILD/pillion" run --socket "$demo/shop/policyd.sock" -- \
        redis-cli -h 10.77.0.2 subscribe orders
    watcher=$last
    soon grep -q '^subscribe' "$demo/watcher.out" || fail 'redis-cli does not subscribe'
    order 'the first'
    old=$(serial_of shop buyer)
    command_line 'pillion identity rotate prepare     # on the shop; its new root goes to the store'
    pillion_on shop identity rotate prepare >"$demo/out" 2>&1 || fail "$(cat "$demo/out")"
    roots <"$demo/out"
    trust store shop
    order 'with a root prepared'
    command_line 'pillion identity rotate activate    # it signs from now on'
    pillion_on shop identity rotate activate >"$demo/out" 2>&1 || fail "$(cat "$demo/out")"
    roots <"$demo/out"
    order 'with a certificate by the new root'
    new=$(serial_of shop buyer)
    [ "$old" != "$new" ] || fail 'the certificate is the old one'
    say "The buyer's certificate was $old and is $new."
    say 'The subscriber, on the connection that it began with, has seen:'
    grep -A 1 '^orders' "$demo/watcher.out" | grep order- | shown
    kill -0 "$watcher" 2>/dev/null || fail 'the standing connection has ended'
}
# Of what `pillion identity` prints, the roots.
roots() { sed -n '/^ROOT/,$p' | cut -c 1-110 | shown; }
order() { # WORDS: published on a new connection; the subscriber has it
    text=order-$(echo "$1" | tr ' ' '-')
    [ "$(buyer publish orders "$text")" = 1 ] || fail "nobody has seen $text"
    soon grep -q "$text" "$demo/watcher.out" || fail "the subscriber has not seen $text"
}

revocation() {
    step 'A revocation: the connection that stands is cut, and there is no other.'
    command_line 'pillion identity revoke spiffe://demo.example/buyer    # on the store'
    begun=$(date +%s%N)
    pillion_on store identity revoke spiffe://demo.example/buyer >"$demo/out" 2>&1 ||
        fail "$(cat "$demo/out")"
    wait "$watcher"
    took=$(since "$begun")
    say "The subscriber was cut $took s later:"
    tail -n 1 "$demo/watcher.out" | shown
    soon grep -q '"event":"connection-cut"' "$demo/store/decisions.log" || fail 'it is not logged'
    grep '"event":"connection-cut"' "$demo/store/decisions.log" | tail -n 1 | record | shown
    command_line 'pillion run -- redis-cli -h 10.77.0.2 ping'
    answers && fail 'who is revoked was served'
    buyer ping </dev/null | head -n 1 | shown
    command_line 'pillion identity restore spiffe://demo.example/buyer'
    pillion_on store identity restore spiffe://demo.example/buyer >/dev/null 2>&1 || fail 'restore'
    soon answers || fail 'the buyer does not get in again'
    buyer ping | shown
}

prepare
printf '%s %s\n' "${strong}Mutual TLS in six steps,${plain} for two programs that have never" \
    'heard of it.'
as_they_are
two_authorities
encrypted
nobody
rotation
revocation
printf '\nAll six steps did what they say.\n'
