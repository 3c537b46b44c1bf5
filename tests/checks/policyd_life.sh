#!/bin/sh
# A policyd's life as an operator sees it: check, start, reload good and bad, health, rotation,
# garbage, a second daemon, a stale socket, privileges, the end.
set -u
cd "$(dirname "$0")/../.." || exit 1
POLICYD=${BUILD:-build}/policyd
PILLION=${BUILD:-build}/pillion
dir=$(mktemp -d) || exit 1
# Another user has to reach the socket's folder when policyd has become one.
chmod 711 "$dir"
number=0
pid=

finish() {
    [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT

# ok NAME COMMAND...: a line of TAP.
ok() {
    name=$1
    shift
    number=$((number + 1))
    if "$@" >"$dir/out" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$dir/out"
        [ -f "$dir/err" ] && tail -5 "$dir/err" | sed 's/^/# stderr: /'
    fi
}

# eventually COMMAND...: true as soon as it is; ten seconds at most.
eventually() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || return 1
        sleep 0.05
    done
}

policy() {
    umask 077
    printf 'schema = 1\ndefault = deny\npolicy "p" { applies = {"*"}\n%s\n}\n' "$1" >"$dir/new"
    mv "$dir/new" "$dir/policy.conf"
    chmod 644 "$dir/policy.conf"
    umask 022
}

http() {
    curl -s --unix-socket "$dir/http.sock" -o "$dir/body" -w '%{http_code}' "http://localhost$1"
}

health_is() {
    [ "$(http /healthz)" = "$1" ] && grep -q "$2" "$dir/body"
}

# Without -f it comes back when it is ready.
start() {
    "$POLICYD" -c "$dir/policyd.conf" "$@" 2>"$dir/err" || return 1
    pid=$(cat "$dir/pid")
    kill -0 "$pid"
}

gone() {
    ! kill -0 "$pid" 2>/dev/null
}

refuses() {
    expected=$1
    shift
    "$@" >"$dir/said" 2>&1 && return 1
    cat "$dir/said"
    grep -q "$expected" "$dir/said"
}

settings() {
    cat >"$dir/policyd.conf" <<EOF
socket = "$dir/p.sock"
abstract = ""
policy = {"$dir/policy.conf"}
log = "$dir/decisions.log"
pidfile = "$dir/pid"
metrics = {"unix:$dir/http.sock"}
watch = no
$1
EOF
    chmod 600 "$dir/policyd.conf"
}

settings ""
policy 'rule "r" { effect = allow actions = {connect} resources = {"10.0.0.1:80"} }'
ok "-n says that settings and policy are good" "$POLICYD" -n -c "$dir/policyd.conf"
policy 'rule "r" { effect = perhaps }'
ok "-n names file, line and text of what is wrong" \
    refuses 'policy.conf:4: .*perhaps' "$POLICYD" -n -c "$dir/policyd.conf"
ok "an unknown option is refused" refuses 'unknown option' "$POLICYD" --nonsense
settings 'user = "nobody-of-that-name"'
ok "an unknown user is refused" refuses 'no such user' "$POLICYD" -f -c "$dir/policyd.conf"

settings ""
policy 'rule "r" { effect = allow actions = {connect} resources = {"10.0.0.1:80"} }'
ok "it starts, and comes back when it is ready" start
ok "health is good" health_is 200 '^ok$'
ok "metrics are there" sh -c "curl -s --unix-socket '$dir/http.sock' http://localhost/metrics |
    grep -q '^pillion_policy_rules 1\$'"
ok "another path is not found" [ "$(http /other)" = 404 ]
ok "a second one on the same socket is refused" \
    refuses 'somebody answers there already' "$POLICYD" -f -c "$dir/policyd.conf"

policy 'rule "r" { effect = nonsense }'
kill -HUP "$pid"
ok "a broken policy turns health red, with the reason" \
    eventually health_is 503 '^reload-failed: .*stays in force: .*policy.conf:4: .*nonsense'
ok "and the log says so" grep -q '"event":"load","outcome":"failed","cause":"signal"' \
    "$dir/decisions.log"
policy 'rule "r" { effect = allow actions = {connect} resources = {"10.0.0.2:80"} }'
kill -HUP "$pid"
ok "a good one turns it green again" eventually health_is 200 '^ok$'

for size in 1 15 16 100 5000; do
    head -c "$size" /dev/urandom | socat -u - "UNIX-CONNECT:$dir/p.sock,socktype=5" 2>/dev/null
done
ok "garbage costs its connection and is counted" eventually sh -c \
    "curl -s --unix-socket '$dir/http.sock' http://localhost/metrics |
    grep -q '^pillion_refused_total{cause=\"protocol\"} 5\$'"
ok "and nothing else" health_is 200 '^ok$'

mv "$dir/decisions.log" "$dir/decisions.log.1"
kill -USR1 "$pid"
ok "SIGUSR1 opens the log anew" eventually test -f "$dir/decisions.log"
ok "every line is an object" sh -c "! grep -qv '^{.*}\$' '$dir/decisions.log.1'"

kill -9 "$pid"
eventually gone
ok "a killed one leaves its socket" test -S "$dir/p.sock"
ok "the next one replaces it" start
kill "$pid"
ok "it ends when told" eventually gone
ok "and takes its socket and pidfile away" sh -c "! test -e '$dir/p.sock' && ! test -e '$dir/pid'"

if [ "$(id -u)" -eq 0 ]; then
    settings 'user = "nobody"'
    ok "it starts and becomes another user" start
    ok "whose it then is" grep -q "^Uid:.$(id -u nobody).$(id -u nobody)" "/proc/$pid/status"
    ok "with three capabilities" grep -q '^CapEff:.0000000000080024$' "/proc/$pid/status"
    ok "and no new privileges" grep -q '^NoNewPrivs:.1$' "/proc/$pid/status"
    kill -HUP "$pid"
    ok "it can still load the policy" eventually grep -q '"cause":"signal"' "$dir/decisions.log"
    ok "which is good" health_is 200 '^ok$'
    # Its own user may reload, another one may not; the wrong one is told who may.
    cp "$PILLION" "$dir/pillion"
    chmod 755 "$dir/pillion"
    ok "its own user may reload" setpriv --reuid nobody --clear-groups \
        "$dir/pillion" reload -s "$dir/p.sock"
    ok "another user may not" refuses "only root, policyd's own user and members of control_group" \
        setpriv --reuid 54321 --clear-groups "$dir/pillion" reload -s "$dir/p.sock"
    kill "$pid"
    eventually gone
else
    for name in "becomes another user" "with three capabilities" "its own user may reload"; do
        number=$((number + 1))
        echo "ok $number - $name # SKIP only root can become somebody else"
    done
fi

settings 'log = "/dev/full"
on_full = deny'
ok "settings set twice are refused" refuses 'log is set twice' "$POLICYD" -n -c "$dir/policyd.conf"
sed -i '/decisions.log/d' "$dir/policyd.conf"
ok "it starts with a log on a full disk" start
ok "and health says that everything is denied" eventually health_is 503 \
    '^log-failing: .*No space left.*everything is denied'
kill "$pid"
eventually gone
echo "1..$number"
