#!/bin/sh
# What is installed beside policyd: its unit and its init script. The daemon is run with the
# capabilities that the unit leaves it and by the init script itself, each as a user of its own.
set -u
cd "$(dirname "$0")/../.." || exit 1
POLICYD=$(realpath "${BUILD:-build}/policyd")
dir=$(mktemp -d) || exit 1
chmod 711 "$dir"
number=0

finish() {
    [ -f "$dir/run/pid" ] && kill -9 "$(cat "$dir/run/pid")" 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT

ok() {
    name=$1
    shift
    number=$((number + 1))
    if "$@" >"$dir/out" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$dir/out"
    fi
}

skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

eventually() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || return 1
        sleep 0.05
    done
}

refuses() {
    expected=$1
    shift
    "$@" >"$dir/said" 2>&1 && return 1
    cat "$dir/said"
    grep -q "$expected" "$dir/said"
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

owner_is() {
    [ "$(stat -c %U "$2")" = "$1" ]
}

# ---- the files as such -----------------------------------------------------------------------

if command -v systemd-analyze >/dev/null; then
    sed "s|/usr/sbin/policyd|$POLICYD|" dist/policyd.service >"$dir/policyd.service"
    cp dist/policyd.socket "$dir"
    ok "systemd has nothing to say about the units" sh -c \
        "cd '$dir'
        systemd-analyze verify --man=no ./policyd.service ./policyd.socket 2>&1 | tee '$dir/verify'
        ! [ -s '$dir/verify' ]"
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

mkdir "$dir/run" "$dir/log"
printf 'schema = 1\ndefault = deny\n' >"$dir/policy.conf"
chmod 644 "$dir/policy.conf"
cat >"$dir/policyd.conf" <<EOT
socket = "$dir/run/p.sock"
abstract = ""
policy = {"$dir/policy.conf"}
log = "$dir/log/decisions.log"
user = "nobody"
watch = no
EOT
chmod 600 "$dir/policyd.conf"

rotated() {
    mv "$dir/log/decisions.log" "$dir/log/decisions.log.1" && "$@" &&
        eventually test -f "$dir/log/decisions.log"
}

# ---- with what the unit leaves it ------------------------------------------------------------

caps=$(sed -n 's/^CapabilityBoundingSet=//p' dist/policyd.service | tr '[:upper:]' '[:lower:]' |
    sed 's/cap_/+/g; s/ /,/g')

as_the_unit() {
    LOGS_DIRECTORY=$dir/log setpriv --bounding-set "-all,$caps" --no-new-privs \
        "$POLICYD" --config "$dir/policyd.conf" --pidfile "$dir/run/pid"
}

stop() {
    pid=$(cat "$dir/run/pid") && kill "$pid" && eventually gone "$pid"
}

ok "it starts with the unit's capabilities" as_the_unit
ok "its log is its user's" owner_is nobody "$dir/log/decisions.log"
ok "and the folder that was made for it" owner_is nobody "$dir/log"
ok "so that a new log can be opened" rotated kill -USR1 "$(cat "$dir/run/pid")"
ok "it stops" stop
ok "it starts again on what it gave away" as_the_unit
stop
mv "$dir/log/decisions.log" "$dir/log/real"
: >"$dir/victim"
ln -s "$dir/victim" "$dir/log/decisions.log"
ok "a link that its user may have made is not followed" \
    refuses 'decisions.log": a link to a file' as_the_unit
ok "and what it leads to stays whose it was" owner_is root "$dir/victim"
rm "$dir/log/decisions.log"

# Without a folder of its own it changes nobody's.
rm -rf "$dir/log"
mkdir "$dir/log"
ok "another folder" "$POLICYD" --config "$dir/policyd.conf" --pidfile "$dir/run/pid"
ok "stays whose it was" owner_is root "$dir/log"
stop
rm -rf "$dir/log"

# ---- by the init script ----------------------------------------------------------------------

if ! command -v start-stop-daemon >/dev/null || ! [ -f /lib/lsb/init-functions ]; then
    skip "by the init script" "this host has no start-stop-daemon or no lsb functions"
    echo "1..$number"
    exit 0
fi
sed "s|^DAEMON=.*|DAEMON=$POLICYD|; s|^CONFIG=.*|CONFIG=$dir/policyd.conf|
    s|^PIDFILE=.*|PIDFILE=$dir/run/pid|; s|^LOGS_DIRECTORY=.*|LOGS_DIRECTORY=$dir/log|" \
    dist/policyd.init >"$dir/init"

init() {
    sh "$dir/init" "$@"
}

# The keeper's name stays; who serves says its own.
serving() {
    "${BUILD:-build}/pillion" status --json -s "$dir/run/p.sock" 2>/dev/null |
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
ok "reload loads" eventually grep -q '"cause":"signal"' "$dir/log/decisions.log"
printf 'default = perhaps\n' >"$dir/policy.conf"
ok "restart with a wrong policy is refused, and the daemon stays" \
    stays refuses 'policy.conf:1: .*perhaps' init restart
printf 'schema = 1\ndefault = deny\n' >"$dir/policy.conf"
first=$(serving)
ok "restart with a good one" init restart
ok "is another daemon" eventually another "$first"
first=$(serving)
kill -9 "$first"
ok "one that was killed is started again" eventually another "$first"
last=$(cat "$dir/run/pid")
ok "stop" init stop
ok "is the end of it" eventually gone "$last"
ok "status of none is 3" sh -c "sh '$dir/init' status; [ \$? -eq 3 ]"
ok "stop of none is no failure" init stop
ok "anything else says what there is" refuses 'usage: .*start.stop.restart' init nonsense
echo "1..$number"
