#!/bin/sh
# Sockets that somebody else keeps: policyd takes what systemd's own tool hands over, serves there,
# and leaves them as they are.
set -u
cd "$(dirname "$0")/../.." || exit 1
POLICYD=$(realpath "${BUILD:-build}/policyd")
PILLION=$(realpath "${BUILD:-build}/pillion")
dir=$(mktemp -d) || exit 1
number=0
pid=

finish() {
    [ -n "$pid" ] && kill -9 "$pid" 2>/dev/null
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
        tail -5 "$dir/err" | sed 's/^/# stderr: /'
    fi
}

command -v systemd-socket-activate >/dev/null || {
    echo "ok 1 - sockets that systemd hands over # SKIP systemd-socket-activate is not installed"
    exit 0
}

printf 'schema = 1\ndefault = deny\n' >"$dir/policy.conf"
cat >"$dir/policyd.conf" <<EOT
socket = "$dir/p.sock"
abstract = "@pillion-test-$$"
policy = {"$dir/policy.conf"}
log = "$dir/log"
watch = no
EOT
chmod 600 "$dir/policy.conf" "$dir/policyd.conf"

# Listens, and becomes policyd when somebody connects.
activate() {
    systemd-socket-activate --seqpacket "$@" "$POLICYD" --config "$dir/policyd.conf" \
        2>"$dir/err" &
    pid=$!
    tries=0
    until grep -q 'Listening on .* as' "$dir/err" && [ -S "$dir/p.sock" ]; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || return 1
        sleep 0.05
    done
}

# The tool has no PassCredentials= as the unit has, so who comes before policyd is turned away.
serves() {
    tries=0
    until "$PILLION" status -s "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || return 1
        sleep 0.05
    done
}

ends() {
    wait "$pid"
    [ $? -eq "$1" ]
}

ok "systemd's tool listens on both" activate -l "$dir/p.sock" -l "@pillion-test-$$"
ok "policyd serves what was handed over" serves "$dir/p.sock"
ok "by the process that was activated" \
    sh -c "'$PILLION' status --json -s '$dir/p.sock' | grep -q '\"pid\": $pid,'"
ok "by the abstract name as well" "$PILLION" status -s "@pillion-test-$$"
kill "$pid"
ok "it ends in order" ends 0
ok "and the socket stays whose it is" test -S "$dir/p.sock"

rm -f "$dir/p.sock"
ok "one socket alone is handed over" activate -l "$dir/p.sock"
ok "and served" serves "$dir/p.sock"
ok "the other one is made" "$PILLION" status -s "@pillion-test-$$"
kill "$pid"
ends 0

rm -f "$dir/p.sock"
activate -l "$dir/p.sock" -l "$dir/foreign.sock"
"$PILLION" status -s "$dir/p.sock" >/dev/null 2>&1
ok "a foreign socket is refused" ends 1
ok "by its number, with what is legal" grep -q \
    "descriptor 4 was handed over.*legal are SOCK_SEQPACKET on socket = \"$dir/p.sock\"" "$dir/err"
echo "1..$number"
