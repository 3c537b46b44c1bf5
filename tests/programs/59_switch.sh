#!/bin/sh
# The kill switch of a host: root alone turns it, every process acts on it at its next call, it ends
# by itself when it was told to, it is logged, and whatever is wrong with its file means on.
set -u
. "$(dirname "$0")/common"
need python3 curl setpriv
dir=$tmp
show=$tmp/policyd.err

if [ "$(id -u)" -ne 0 ]; then
    echo "ok 1 - the switch # SKIP only root can turn it"
    exit 0
fi

# ---- a policyd that becomes another user, and a program that asks when it is told to ------------

chmod 711 "$dir"
python3 tests/programs/60_echo.py "$dir/server" &
jobs_of_leg=$!
ready test -s "$dir/server"
port=$(head -1 "$dir/server")
mkdir "$dir/etc"
printf 'schema = 1\ndefault = deny\n' >"$dir/policy.conf"
cat >"$dir/policyd.conf" <<EOT
socket = "$dir/p.sock"
abstract = ""
policy = {"$dir/policy.conf"}
switch = "$dir/etc/switch"
log = "$dir/decisions.log"
pidfile = "$dir/policyd.pid"
metrics = {"unix:$dir/http.sock"}
user = "nobody"
verdict_ttl = 1h
deadline = 30s
watch = no
EOT
chmod 600 "$dir/policyd.conf" "$dir/policy.conf"

start() {
    "$policyd" -c "$dir/policyd.conf" 2>>"$dir/policyd.err"
}

stop() {
    kill "$(cat "$dir/policyd.pid")" && ready sh -c "! test -e '$dir/policyd.pid' ||
        ! kill -0 $(cat "$dir/policyd.pid")"
}

finish() {
    end_leg
    kill "$(cat "$dir/policyd.pid")" 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT

ok "policyd starts" start
mkfifo "$dir/ask" "$dir/told"
"$pillion" run -s "$dir/p.sock" -- python3 -c "
import errno, socket, sys
for line in sys.stdin:
    try:
        with socket.create_connection(('127.0.0.1', $port)) as s:
            print('served', flush=True)
    except OSError as e:
        print(errno.errorcode[e.errno], flush=True)
" <"$dir/ask" >"$dir/told" 2>"$dir/program.err" &
jobs_of_leg="$jobs_of_leg $!"
exec 8>"$dir/ask" 9<"$dir/told"

# The same process each time, whose verdict is cached for an hour.
comes_to() {
    echo >&8
    read -r outcome <&9
    echo "it came to $outcome"
    [ "$outcome" = "$1" ]
}

turn() {
    "$pillion" switch -s "$dir/p.sock" "$@"
}

mode_is() {
    turn | grep "^the switch is $1:"
}

logged() {
    grep "\"event\":\"switch\",$1" "$dir/decisions.log"
}

# ---- by command -------------------------------------------------------------------------------

ok "without a file it is on" mode_is on
ok "and policy is enforced" comes_to EACCES
ok "off" turn off --reason 'the ledger is down'
ok "acts at the next call, whatever is cached" comes_to served
who='"pid":[0-9]*,"uid":0,.*"by":"root (uid 0.*"reason":"the ledger is down"'
ok "is logged with who, what and why" \
    logged "\"mode\":\"off\",\"was\":\"on\",\"cause\":\"command\",$who"
ok "shows in status" sh -c "'$BUILD/pillion' status -s '$dir/p.sock' |
    grep '^switch     off: NOTHING IS REFUSED, by root .*: the ledger is down'"
ok "in /healthz, which stays well" sh -c "curl -s -f --unix-socket '$dir/http.sock' \
    http://localhost/healthz | grep 'the switch is off: nothing is refused'"
ok "and in the metrics" sh -c "curl -s --unix-socket '$dir/http.sock' http://localhost/metrics |
    grep '^pillion_switch{mode=\"off\"} 1'"
ok "shadow" turn shadow --reason 'a trial'
ok "lets through" comes_to served
ok "and reports what would have been refused" ready grep -q \
    '"verdict":"allow","reason":"switched","shadow":"would-deny"' "$dir/decisions.log"
ok "on" turn on
ok "is enforced at the next call" comes_to EACCES
ok "nothing is left that says otherwise" mode_is on

# ---- until a time -----------------------------------------------------------------------------

ok "off for a second" turn off --for 1s
ok "ends by itself" ready mode_is on
ok "and is logged" logged '"mode":"on","was":"off","cause":"expired"'
ok "after it policy is enforced" comes_to EACCES
ok "a time that is none is refused" tells 2 'legal is a length of time' turn off --for 5
ok "and so is a mode that is none" tells 2 'legal is on, shadow, off' turn maybe

# ---- by hand, and by others -------------------------------------------------------------------

echo off >"$dir/etc/switch"
ok "root may write the file by hand" ready mode_is off
ok "which is logged" logged '"mode":"off","was":"on","cause":"file"'
ok "and acts" comes_to served
chmod 666 "$dir/etc/switch"
ok "a file that others can write means on" ready mode_is on
ok "at the next call" comes_to EACCES
ok "and health says why" sh -c "curl -s --unix-socket '$dir/http.sock' http://localhost/healthz |
    grep '^switch-refused: the switch is on.*mode 0666'"
rm "$dir/etc/switch"
ok "none is no problem" ready curl -sf --unix-socket "$dir/http.sock" http://localhost/healthz
echo offf >"$dir/etc/switch"
ok "a word that is none means on" ready sh -c "curl -s --unix-socket '$dir/http.sock' \
    http://localhost/healthz | grep '^switch-refused: .*line 1: \"offf\"; legal is on, shadow, off'"
ok "at the next call too" comes_to EACCES
printf 'off\n' >"$dir/etc/switch"
chown nobody "$dir/etc/switch"
ok "a file of another user means on" ready sh -c "curl -s --unix-socket '$dir/http.sock' \
    http://localhost/healthz | grep '^switch-refused: .*owner 65534'"
ok "even of policyd's own" comes_to EACCES
rm "$dir/etc/switch"

as_user() {
    setpriv --reuid nobody --regid nogroup --clear-groups "$@"
}

ok "another user may look" as_user "$pillion" switch -s "$dir/p.sock"
ok "and cannot turn it" tells 4 'Permission denied; nothing is changed' \
    as_user "$pillion" switch off -s "$dir/p.sock"
mkdir "$dir/own"
chmod 777 "$dir/own"
ok "nor with a file of its own" tells 4 'only root may do that' \
    as_user "$pillion" switch off -s "$dir/p.sock" --file "$dir/own/switch"
ok "it stays on" mode_is on
ok "for the program as well" comes_to EACCES

# ---- over a restart, and without a policy -----------------------------------------------------

ok "off once more" turn off
stop
ok "a policyd that is down opens nothing" tells 3 'holds once policyd runs' \
    turn off --file "$dir/etc/switch"
ok "one that starts finds it" start
ok "and does as it says" mode_is off
ok "for a program that was there before" comes_to served
stop
echo 'nonsense' >"$dir/policy.conf"
start
ok "it needs no policy" comes_to served
ok "on again without one" turn on
ok "everything is refused" comes_to EACCES
exec 8>&-
echo "1..$number"
