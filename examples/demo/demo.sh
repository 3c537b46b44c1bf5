#!/bin/sh
# Half a minute of Pillion at work, on redis-server, nginx and curl as Debian ships them. Needs no
# installation and no root, but for packages that are missing (make deps). Everything it starts has
# a private folder and private ports and is taken down at the end, also on Ctrl-C.
#
# Every step is checked: when something does not do what the text says, the demo says so and exits
# with 1.
set -u
cd "$(dirname "$0")/../.." || exit 1
here=examples/demo
TTL=2   # verdict_ttl of policyd.conf, in seconds

. examples/demo/common
logs='policyd.out shop.out shop.log store.out'

# ---- places ------------------------------------------------------------------------------------

# Ports that nobody listens on and that were not given out before, from a block of four that a demo
# beside this one does not look at. "0A" is the kernel's LISTEN.
port=$((20000 + $$ % 2500 * 4))
free_port() {
    port=$((port + 1))
    while awk -v port=":$(printf '%04X' $port)" \
        '$4 == "0A" && index($2, port) == length($2) - 4 { found = 1 } END { exit !found }' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null; do
        port=$((port + 1))
    done
}

# place FILE WHERE: a file of the demo with its folder and ports filled in.
place() {
    sed "s|DEMO|$demo|g; s/18080/$page/g; s/18081/$orders/g; s/16379/$redis/g" "$here/$1" >"$2" ||
        fail "cannot write $2"
}

# ---- what the steps are made of ----------------------------------------------------------------

pillion() { "$BUILD/pillion" "$@"; }
start_policyd() { start policyd "$BUILD/policyd" -f -c "$demo/policyd.conf"; policyd=$last; }
policyd_serves() { pillion status --socket "$socket" --json; }

# get PATH: what the shop answers to a client that is not under Pillion, for people; true when it
# is a 200.
get() {
    answer=$(curl -s -S -m 5 -w ' (status %{http_code})' "http://127.0.0.1:$page$1" 2>&1)
    printf '%s' "${answer%(status 000)}" | tr -d '\r\n' |
        sed 's/<[^>]*>/ /g; s/  */ /g; s/^ //; s/ $//'
    echo
    case $answer in *"(status 200)") return 0 ;; *) return 1 ;; esac
}
# nginx has two workers, and each finds policyd by itself; ten calls meet both.
page_serves() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        get / >/dev/null || return 1
    done
}
# A new connection to the store, by a client that is not under Pillion.
ping_store() { redis-cli -h 127.0.0.1 -p "$redis" ping 2>&1; }
store_serves() { [ "$(ping_store)" = PONG ]; }

missing() {
    for program in cc make redis-server redis-cli nginx curl; do
        command -v $program >/dev/null || echo "$program"
    done
    for header in confuse.h event2/event.h jansson.h openssl/evp.h sys/capability.h \
        systemd/sd-daemon.h; do
        [ -e "/usr/include/$header" ] || echo "$header"
    done
}

prepare() {
    install_missing
    demo=$(mktemp -d /tmp/pillion-demo-XXXXXX) || fail "no private folder"
    chmod 711 "$demo" # programs that give up root have to reach the socket in it
    build
    free_port && page=$port && free_port && orders=$port && free_port && redis=$port
    socket=$demo/policyd.sock
    mkdir "$demo/policy.d" || fail "the private folder"
    place policyd.conf "$demo/policyd.conf"
    place policy.conf "$demo/policy.d/policy.conf"
    place nginx-shop.conf "$demo/nginx-shop.conf"
    place nginx-orders.conf "$demo/nginx-orders.conf"
}

# ---- the steps ---------------------------------------------------------------------------------

programs_start() {
    step 'Programs start under policy, as they are: no rebuild, no proxy, no change of settings.'
    start_policyd
    soon policyd_serves || fail 'policyd did not start'
    say "The policy is $here/policy.conf; whatever it does not allow is refused."
    start orders nginx -p "$demo" -e "$demo/orders.log" -c "$demo/nginx-orders.conf"
    command_line "pillion run -- redis-server --port $redis"
    start store "$BUILD/pillion" run --socket "$socket" -- redis-server --port "$redis" \
        --bind 127.0.0.1 --save '' --dir "$demo"
    store=$last
    command_line 'pillion run -- nginx -c nginx-shop.conf'
    start shop "$BUILD/pillion" run --socket "$socket" -- nginx -p "$demo" -e "$demo/shop.log" \
        -c "$demo/nginx-shop.conf"
    shop=$last
    soon page_serves || fail 'nginx does not serve its page under the policy'
    soon store_serves || fail 'redis-server does not serve under the policy'
    pillion status --socket "$socket" --processes >"$demo/status" 2>&1 || fail 'pillion status'
    grep -q store "$demo/status" && grep -q shop "$demo/status" ||
        fail 'pillion status does not know the programs'
    command_line 'pillion status --processes'
    shown <"$demo/status"
}

allowed_call() {
    step 'An allowed call: curl may visit the page.'
    command_line "pillion run -- curl http://127.0.0.1:$page/"
    pillion run --socket "$socket" -- curl -s -S -m 5 "http://127.0.0.1:$page/" >"$demo/out" 2>&1 ||
        fail "curl was refused: $(cat "$demo/out")"
    shown <"$demo/out"
    grep -q 'welcome to the shop' "$demo/out" || fail 'curl did not get the page'
}

denied_call() {
    step 'A denied call: curl has no business with the store. It gets an ordinary error.'
    command_line "pillion run -- curl telnet://127.0.0.1:$redis"
    pillion run --socket "$socket" -- curl -v -m 5 "telnet://127.0.0.1:$redis" >"$demo/out" \
        2>&1 </dev/null && fail 'curl reached the store'
    grep -i 'permission denied' "$demo/out" | head -n 1 >"$demo/why"
    [ -s "$demo/why" ] || fail "curl did not say \"Permission denied\": $(tail -n 1 "$demo/out")"
    shown <"$demo/why"
    say 'The decision is in the log, with the rule that made it:'
    command_line 'pillion decisions --denied --log decisions.log'
    soon grep -q '"rule":"not-the-store"' "$demo/decisions.log" || fail 'the denial is not logged'
    pillion decisions --denied --json --log "$demo/decisions.log" >"$demo/out" ||
        fail 'pillion decisions'
    record <"$demo/out" | shown
    say 'And anyone can ask beforehand who may do what, and why:'
    command_line "pillion explain --as buyer connect 127.0.0.1:$redis"
    pillion explain --socket "$socket" --as buyer connect "127.0.0.1:$redis" >"$demo/out" 2>&1
    [ $? -eq 1 ] || fail "pillion explain did not say \"denied\": $(cat "$demo/out")"
    grep -q not-the-store "$demo/out" || fail 'pillion explain does not name the rule'
    head -n 8 "$demo/out" | shown
}

# What counts of a record of the log, which is one line of JSON.
record() {
    tr ',{}' '\n\n\n' | tr -d '"' | awk -F: '
        $1 ~ /^(workload|pid|verdict|reason|policy|rule)$/ { first = first $0 "  " }
        $1 ~ /^(action|resource|line|errno|microseconds)$/ { second = second $0 "  " }
        END { print first; print second }' | sed 's/ *$//'
}

policy_change() {
    step 'The policy changes while nginx runs: orders are closed for maintenance.'
    command_line "curl http://127.0.0.1:$page/orders"
    get /orders >"$demo/out" || fail "the shop got no orders: $(cat "$demo/out")"
    shown <"$demo/out"
    place maintenance.conf "$demo/policy.d/maintenance.conf"
    command_line "cp $here/maintenance.conf policy.d/ && pillion reload"
    pillion reload --socket "$socket" >"$demo/out" 2>&1 || fail "pillion reload: $(cat "$demo/out")"
    shown <"$demo/out"
    command_line "curl http://127.0.0.1:$page/orders"
    get /orders >"$demo/out" && fail 'the shop still gets orders'
    shown <"$demo/out"
    grep -q 'status 502' "$demo/out" || fail 'the shop did not answer 502'
    get / >/dev/null || fail 'the page should go on'
    say 'nginx was not restarted; its next connect met the new policy. The page itself goes on.'
    rm "$demo/policy.d/maintenance.conf"
    command_line 'rm policy.d/maintenance.conf && pillion reload'
    pillion reload --socket "$socket" >/dev/null 2>&1 || fail 'pillion reload'
    command_line "curl http://127.0.0.1:$page/orders"
    get /orders >"$demo/out" || fail "orders did not come back: $(cat "$demo/out")"
    shown <"$demo/out"
}

policyd_killed() {
    step 'policyd is killed. What cannot be decided is refused, once the last verdicts are over.'
    page_serves || fail 'the page does not serve'
    store_serves || fail 'the store does not serve'
    command_line 'kill -9 policyd'
    kill -9 "$policyd"
    wait "$policyd" 2>/dev/null
    begun=$(date +%s%N) served=0 last_served=0
    say "Verdicts that the programs hold are good for $TTL s here (verdict_ttl), 10 s by default."
    while [ $(($(date +%s%N) - begun)) -lt $((TTL * 1000000000 + 500000000)) ]; do
        if get / >/dev/null; then
            served=$((served + 1)) last_served=$(since "$begun")
        fi
        sleep 0.1
    done
    say "$served more calls were served, the last $last_served s after the kill; then:"
    command_line "curl http://127.0.0.1:$page/"
    get / >"$demo/out" && fail 'the page is still served without policyd'
    shown <"$demo/out"
    command_line "redis-cli -p $redis ping"
    store_serves && fail 'the store still serves without policyd'
    ping_store | grep . | head -n 1 | shown
    for pid in $store $shop; do
        kill -0 "$pid" || fail 'a program died of it'
    done
    say 'nginx and redis-server themselves run on.'
}

policyd_back() {
    step 'policyd comes back. Nobody restarts the programs.'
    command_line 'policyd -f -c policyd.conf'
    begun=$(date +%s%N)
    start_policyd
    soon page_serves || fail "the page does not serve $WAIT s after policyd came back"
    soon store_serves || fail "the store does not serve $WAIT s after policyd came back"
    say "$(since "$begun") s later:"
    command_line "curl http://127.0.0.1:$page/"
    get / >"$demo/out" || fail "the page does not serve: $(cat "$demo/out")"
    shown <"$demo/out"
    command_line "redis-cli -p $redis ping"
    store_serves || fail 'the store does not serve'
    ping_store | shown
}

prepare
printf '%s %s\n' "${strong}Pillion in six steps.${plain} policyd decides;" \
    'each program asks it before it talks to anyone.'
programs_start
allowed_call
denied_call
policy_change
policyd_killed
policyd_back
printf '\nAll six steps did what they say.\n'
