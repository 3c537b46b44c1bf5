#!/bin/sh
# What is installed beside policyd: its unit and its init script. The daemon is run with the
# capabilities that the unit leaves it and by the init script itself, each as a user of its own.
set -u
. "$(dirname "$0")/../common"
chmod 711 "$tmp"

clean_up() {
    [ -f "$tmp/run/pid" ] && kill -9 "$(cat "$tmp/run/pid")" 2>/dev/null
    rm -rf "$tmp"
}

owner_is() {
    [ "$(stat -c %U "$2")" = "$1" ]
}

# ---- the files as such -----------------------------------------------------------------------

if command -v systemd-analyze >/dev/null; then
    sed "s|/usr/sbin/policyd|$policyd|" dist/policyd.service >"$tmp/policyd.service"
    cp dist/policyd.socket "$tmp"
    ok "systemd has nothing to say about the units" sh -c \
        "cd '$tmp'
        systemd-analyze verify --man=no ./policyd.service ./policyd.socket 2>&1 | tee '$tmp/verify'
        ! [ -s '$tmp/verify' ]"
else
    skip "systemd has nothing to say about the units" "systemd-analyze is not installed"
fi
ok "the init script parses" sh -n dist/policyd.init

if [ "$(id -u)" -ne 0 ]; then
    skip "with the unit's capabilities" "only root can become somebody else"
    skip "by the init script" "only root can become somebody else"
    echo "1..$number"
    exit 0
fi

mkdir "$tmp/run" "$tmp/log"
printf 'schema = 1\ndefault = deny\n' >"$tmp/policy.conf"
chmod 644 "$tmp/policy.conf"
cat >"$tmp/policyd.conf" <<EOT
socket = "$tmp/run/p.sock"
abstract = ""
policy = {"$tmp/policy.conf"}
log = "$tmp/log/decisions.log"
user = "nobody"
state = "$tmp/state"
watch = no
EOT
chmod 600 "$tmp/policyd.conf"

rotated() {
    mv "$tmp/log/decisions.log" "$tmp/log/decisions.log.1" && "$@" &&
        ready test -f "$tmp/log/decisions.log"
}

# ---- with what the unit leaves it ------------------------------------------------------------

caps=$(sed -n 's/^CapabilityBoundingSet=//p' dist/policyd.service | tr '[:upper:]' '[:lower:]' |
    sed 's/cap_/+/g; s/ /,/g')

as_the_unit() {
    LOGS_DIRECTORY=$tmp/log setpriv --bounding-set "-all,$caps" --no-new-privs \
        "$policyd" --config "$tmp/policyd.conf" --pidfile "$tmp/run/pid"
}

stop() {
    pid=$(cat "$tmp/run/pid") && kill "$pid" && ready gone "$pid"
}

ok "it starts with the unit's capabilities" as_the_unit
ok "its log is its user's" owner_is nobody "$tmp/log/decisions.log"
ok "and the folder that was made for it" owner_is nobody "$tmp/log"
ok "and the folder of its state" owner_is nobody "$tmp/state"
ok "so that a new log can be opened" rotated kill -USR1 "$(cat "$tmp/run/pid")"
ok "it stops" stop
ok "it starts again on what it gave away" as_the_unit
stop
mv "$tmp/log/decisions.log" "$tmp/log/real"
: >"$tmp/victim"
ln -s "$tmp/victim" "$tmp/log/decisions.log"
ok "a link that its user may have made is not followed" \
    tells 1 'decisions.log": a link to a file' as_the_unit
ok "and what it leads to stays whose it was" owner_is root "$tmp/victim"
rm "$tmp/log/decisions.log"

# Without a folder of its own it changes nobody's.
rm -rf "$tmp/log"
mkdir "$tmp/log"
ok "another folder" "$policyd" --config "$tmp/policyd.conf" --pidfile "$tmp/run/pid"
ok "stays whose it was" owner_is root "$tmp/log"
stop
rm -rf "$tmp/log"

# ---- by the init script ----------------------------------------------------------------------

if ! command -v start-stop-daemon >/dev/null || ! [ -f /lib/lsb/init-functions ]; then
    skip "by the init script" "this host has no start-stop-daemon or no lsb functions"
    echo "1..$number"
    exit 0
fi
sed "s|^DAEMON=.*|DAEMON=$policyd|; s|^CONFIG=.*|CONFIG=$tmp/policyd.conf|
    s|^PIDFILE=.*|PIDFILE=$tmp/run/pid|; s|^LOGS_DIRECTORY=.*|LOGS_DIRECTORY=$tmp/log|" \
    dist/policyd.init >"$tmp/init"

init() {
    sh "$tmp/init" "$@"
}

# The keeper's name stays; who serves says its own.
serving() {
    "$pillion" status --json -s "$tmp/run/p.sock" 2>/dev/null |
        sed -n 's/^ *"pid": \([0-9]*\),*$/\1/p'
}

stays() {
    first=$(serving)
    "$@" && [ "$(serving)" = "$first" ]
}

another() {
    now=$(serving)
    [ -n "$now" ] && [ "$now" != "$1" ]
}

ok "start" init start
ok "status" init status
ok "start again changes nothing" stays init start
ok "rotate opens a new log" rotated init rotate
init reload
ok "reload loads" ready grep -q '"cause":"signal"' "$tmp/log/decisions.log"
printf 'default = perhaps\n' >"$tmp/policy.conf"
ok "restart with a wrong policy is refused, and the daemon stays" \
    stays tells 6 'policy.conf:1: .*perhaps' init restart
printf 'schema = 1\ndefault = deny\n' >"$tmp/policy.conf"
first=$(serving)
ok "restart with a good one" init restart
ok "is another daemon" ready another "$first"
first=$(serving)
kill -9 "$first"
ok "one that was killed is started again" ready another "$first"
last=$(cat "$tmp/run/pid")
ok "stop" init stop
ok "is the end of it" ready gone "$last"
ok "status of none is 3" sh -c "sh '$tmp/init' status; [ \$? -eq 3 ]"
ok "stop of none is no failure" init stop
ok "anything else says what there is" tells 2 'usage: .*start.stop.restart' init nonsense
echo "1..$number"
