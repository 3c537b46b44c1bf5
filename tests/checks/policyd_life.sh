#!/bin/sh
# A policyd's life as an operator sees it: check, start, reload good and bad, health, rotation,
# garbage, a second daemon, a stale socket, privileges, the end.
set -u
. "$(dirname "$0")/../common"
# Another user has to reach the socket's folder when policyd has become one.
chmod 711 "$tmp"
pid=

clean_up() {
    [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
    rm -rf "$tmp"
}

policy() {
    umask 077
    printf 'schema = 1\ndefault = deny\npolicy "p" { applies = {"*"}\n%s\n}\n' "$1" >"$tmp/new"
    mv "$tmp/new" "$tmp/policy.conf"
    chmod 644 "$tmp/policy.conf"
    umask 022
}

http() {
    curl -s --unix-socket "$tmp/http.sock" -o "$tmp/body" -w '%{http_code}' "http://localhost$1"
}

health_is() {
    [ "$(http /healthz)" = "$1" ] && grep -q "$2" "$tmp/body"
}

# Without -f it comes back when it is ready.
start() {
    "$policyd" -c "$tmp/policyd.conf" "$@" 2>"$tmp/err" || return 1
    pid=$(cat "$tmp/pid")
    kill -0 "$pid"
}

settings() {
    cat >"$tmp/policyd.conf" <<EOF
socket = "$tmp/p.sock"
abstract = ""
policy = {"$tmp/policy.conf"}
log = "$tmp/decisions.log"
pidfile = "$tmp/pid"
metrics = {"unix:$tmp/http.sock"}
state = "$tmp/state"
watch = no
$1
EOF
    chmod 600 "$tmp/policyd.conf"
}

settings ""
policy 'rule "r" { effect = allow actions = {connect} resources = {"10.0.0.1:80"} }'
ok "-n says that settings and policy are good" "$policyd" -n -c "$tmp/policyd.conf"
policy 'rule "r" { effect = perhaps }'
ok "-n names file, line and text of what is wrong" \
    tells 1 'policy.conf:4: .*perhaps' "$policyd" -n -c "$tmp/policyd.conf"
ok "an unknown option is refused" tells 2 'unknown option' "$policyd" --nonsense
settings 'user = "nobody-of-that-name"'
ok "an unknown user is refused" tells 1 'no such user' "$policyd" -f -c "$tmp/policyd.conf"

settings ""
policy 'rule "r" { effect = allow actions = {connect} resources = {"10.0.0.1:80"} }'
ok "it starts, and comes back when it is ready" start
ok "health is good" health_is 200 '^ok$'
ok "metrics are there" sh -c "curl -s --unix-socket '$tmp/http.sock' http://localhost/metrics |
    grep -q '^pillion_policy_rules 1\$'"
ok "another path is not found" [ "$(http /other)" = 404 ]
ok "a second one on the same socket is refused" \
    tells 1 'somebody answers there already' "$policyd" -f -c "$tmp/policyd.conf"

policy 'rule "r" { effect = nonsense }'
kill -HUP "$pid"
ok "a broken policy turns health red, with the reason" \
    ready health_is 503 '^reload-failed: .*stays in force: .*policy.conf:4: .*nonsense'
ok "and the log says so" grep -q '"event":"load","outcome":"failed","cause":"signal"' \
    "$tmp/decisions.log"
policy 'rule "r" { effect = allow actions = {connect} resources = {"10.0.0.2:80"} }'
kill -HUP "$pid"
ok "a good one turns it green again" ready health_is 200 '^ok$'

for size in 1 15 16 100 5000; do
    head -c "$size" /dev/urandom | socat -u - "UNIX-CONNECT:$tmp/p.sock,socktype=5" 2>/dev/null
done
ok "garbage costs its connection and is counted" ready sh -c \
    "curl -s --unix-socket '$tmp/http.sock' http://localhost/metrics |
    grep -q '^pillion_refused_total{cause=\"protocol\"} 5\$'"
ok "and nothing else" health_is 200 '^ok$'

mv "$tmp/decisions.log" "$tmp/decisions.log.1"
kill -USR1 "$pid"
ok "SIGUSR1 opens the log anew" ready test -f "$tmp/decisions.log"
ok "every line is an object" sh -c "! grep -qv '^{.*}\$' '$tmp/decisions.log.1'"

kill -9 "$pid"
ready gone "$pid"
ok "a killed one leaves its socket" test -S "$tmp/p.sock"
ok "the next one replaces it" start
kill "$pid"
ok "it ends when told" ready gone "$pid"
ok "and takes its socket and pidfile away" sh -c "! test -e '$tmp/p.sock' && ! test -e '$tmp/pid'"

if [ "$(id -u)" -eq 0 ]; then
    settings 'user = "nobody"'
    ok "it starts and becomes another user" start
    ok "whose it then is" grep -q "^Uid:.$(id -u nobody).$(id -u nobody)" "/proc/$pid/status"
    ok "with four capabilities" grep -q '^CapEff:.0000000000081024$' "/proc/$pid/status"
    ok "and no new privileges" grep -q '^NoNewPrivs:.1$' "/proc/$pid/status"
    kill -HUP "$pid"
    ok "it can still load the policy" ready grep -q '"cause":"signal"' "$tmp/decisions.log"
    ok "which is good" health_is 200 '^ok$'
    # Its own user may reload, another one may not; the wrong one is told who may.
    cp "$pillion" "$tmp/pillion"
    chmod 755 "$tmp/pillion"
    ok "its own user may reload" setpriv --reuid nobody --clear-groups \
        "$tmp/pillion" reload -s "$tmp/p.sock"
    ok "another user may not" tells 4 "only root, policyd's own user and members of control_group" \
        setpriv --reuid 54321 --clear-groups "$tmp/pillion" reload -s "$tmp/p.sock"
    kill "$pid"
    ready gone "$pid"
else
    for name in "becomes another user" "with four capabilities" "its own user may reload"; do
        number=$((number + 1))
        echo "ok $number - $name # SKIP only root can become somebody else"
    done
fi

settings 'log = "/dev/full"
on_full = deny'
ok "settings set twice are refused" tells 2 'log is set twice' "$policyd" -n -c "$tmp/policyd.conf"
sed -i '/decisions.log/d' "$tmp/policyd.conf"
ok "it starts with a log on a full disk" start
ok "and health says that everything is denied" ready health_is 503 \
    '^log-failing: .*No space left.*everything is denied'
kill "$pid"
ready gone "$pid"
echo "1..$number"
