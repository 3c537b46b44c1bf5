#!/bin/sh
# Sockets that somebody else keeps: policyd takes what systemd's own tool hands over, serves there,
# and leaves them as they are.
set -u
. "$(dirname "$0")/../common"
command -v systemd-socket-activate >/dev/null || {
    skip "sockets that systemd hands over" "systemd-socket-activate is not installed"
    exit 0
}

printf 'schema = 1\ndefault = deny\n' >"$tmp/policy.conf"
cat >"$tmp/policyd.conf" <<EOT
socket = "$tmp/p.sock"
abstract = "@pillion-test-$$"
policy = {"$tmp/policy.conf"}
log = "$tmp/log"
watch = no
EOT
chmod 600 "$tmp/policy.conf" "$tmp/policyd.conf"

# Listens, and becomes policyd when somebody connects.
activate() {
    systemd-socket-activate --seqpacket "$@" "$policyd" --config "$tmp/policyd.conf" \
        2>"$tmp/err" &
    pid=$!
    jobs=$pid
    ready grep -q 'Listening on .* as' "$tmp/err" && ready test -S "$tmp/p.sock"
}

# The tool has no PassCredentials= as the unit has, so who comes before policyd is turned away.
serves() {
    ready "$pillion" status -s "$1"
}

ends() {
    wait "$pid"
    [ $? -eq "$1" ]
}

ok "systemd's tool listens on both" activate -l "$tmp/p.sock" -l "@pillion-test-$$"
ok "policyd serves what was handed over" serves "$tmp/p.sock"
ok "by the process that was activated" \
    sh -c "'$pillion' status --json -s '$tmp/p.sock' | grep -q '\"pid\": $pid,'"
ok "by the abstract name as well" "$pillion" status -s "@pillion-test-$$"
kill "$pid"
ok "it ends in order" ends 0
ok "and the socket stays whose it is" test -S "$tmp/p.sock"

rm -f "$tmp/p.sock"
ok "one socket alone is handed over" activate -l "$tmp/p.sock"
ok "and served" serves "$tmp/p.sock"
ok "the other one is made" "$pillion" status -s "@pillion-test-$$"
kill "$pid"
ends 0

rm -f "$tmp/p.sock"
activate -l "$tmp/p.sock" -l "$tmp/foreign.sock"
"$pillion" status -s "$tmp/p.sock" >/dev/null 2>&1
ok "a foreign socket is refused" ends 1
ok "by its number, with what is legal" grep -q \
    "descriptor 4 was handed over.*legal are SOCK_SEQPACKET on socket = \"$tmp/p.sock\"" "$tmp/err"
echo "1..$number"
