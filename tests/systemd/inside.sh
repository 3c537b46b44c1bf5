#!/bin/sh
# Run by boot.sh inside the machine, as root, when it is up: Pillion as systemd starts it.
set -u
dir=/test
number=0

ok() {
    name=$1
    shift
    number=$((number + 1))
    if "$@" >"$dir/said" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        tail -20 "$dir/said" | sed 's/^/# /'
        journalctl -q -n 5 -o cat 2>/dev/null | sed 's/^/# journal: /'
    fi
}

eventually() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || return 1
        sleep 0.1
    done
}

main_pid() {
    systemctl show -p MainPID --value "$1"
}

is_active() {
    [ "$(systemctl is-active "$1")" = active ]
}

attached() {
    pillion status --processes --json >"$dir/processes" || return 1
    grep -q "\"pid\": $(main_pid "$1")," "$dir/processes"
}

# Neither gone nor a zombie, and with something to show.
alive() {
    tr '\r' '\n' <"$2" | tail -2
    grep -q '^State:.[RSD]' "/proc/$1/status" && grep -q 'rps=[1-9]' "$2"
}

log=/var/log/pillion/decisions.log

# ---- installed, with a policy -----------------------------------------------------------------

useradd --system --home-dir /run/pillion --shell /usr/sbin/nologin pillion
python3 "$dir/60_echo.py" "$dir/forbidden" &
python3 "$dir/60_echo.py" "$dir/allowed" &
eventually test -s "$dir/forbidden"
eventually test -s "$dir/allowed"
forbidden=$(head -1 "$dir/forbidden")
allowed=$(head -1 "$dir/allowed")
cat >/etc/pillion/policyd.conf <<EOT
user = "pillion"
log = "$log"
log_allows = denials
verdict_ttl = 0s
deadline = 30s
EOT
cat >/etc/pillion/policy.d/test.conf <<EOT
schema = 1
default = allow
workload "redis" { unit = "redis-server.service" }
policy "p" { applies = {"*"} rule "no" { effect = deny actions = {connect}
    resources = {"127.0.0.1:$forbidden"} } }
EOT
chmod 600 /etc/pillion/policyd.conf
chmod 644 /etc/pillion/policy.d/test.conf

# The inode of what listens, as the kernel has it.
listening() {
    awk '$6 == "01" && $8 == "@pillion/policyd" { print $7 }' /proc/net/unix
}

keeps_sockets() {
    before=$(listening)
    systemctl restart policyd && [ -n "$before" ] && [ "$(listening)" = "$before" ]
}

# ---- activated by its sockets -----------------------------------------------------------------

systemctl stop policyd.service policyd.socket
ok "the sockets can be had without the daemon" systemctl start policyd.socket
ok "which is not there then" [ "$(main_pid policyd)" = 0 ]
ok "who connects starts it, and is answered" pillion status
ok "it is up" eventually is_active policyd
ok "as its own user" grep -q "^Uid:.$(id -u pillion)" "/proc/$(main_pid policyd)/status"
ok "on the very sockets, also after a restart" keeps_sockets
ok "by the abstract name as well" pillion status -s @pillion/policyd

# ---- a service ----------------------------------------------------------------------------------

ok "a service is enabled" pillion enable redis-server
ok "systemd knows of it" sh -c "systemctl show -p ExecStart redis-server | grep -q 'pillion run'"
ok "it starts (Type=notify, a sandbox of its own)" systemctl restart redis-server
ok "its main process is the program" sh -c "readlink /proc/\$(systemctl show -p MainPID --value \
    redis-server)/exe | grep -q redis"
ok "under Pillion, as its unit's workload" attached redis-server
ok "by name" grep -q '"workload": "redis"' "$dir/processes"
ok "it serves" sh -c "redis-cli ping | grep -q PONG"
redis-cli replicaof 127.0.0.1 "$forbidden" >/dev/null
ok "policy holds for it" eventually grep -q \
    "\"workload\":\"redis\".*\"resource\":\"127.0.0.1:$forbidden\".*\"verdict\":\"deny\"" "$log"
redis-cli replicaof no one >/dev/null

# ---- restarts under load ------------------------------------------------------------------------

pillion run -- redis-benchmark -l -c 5 -k 0 -t get -q >"$dir/fresh" 2>&1 </dev/null &
fresh=$!
pillion run -- redis-benchmark -l -c 10 -t get -q >"$dir/kept" 2>&1 </dev/null &
kept=$!
mkfifo "$dir/until"
pillion run -- python3 "$dir/60_client.py" "$allowed" "$forbidden" \
    >"$dir/client" 2>&1 <"$dir/until" &
client=$!
exec 7>"$dir/until"
eventually grep -q begun "$dir/client"

served_since() {
    [ "$(wc -l <"$dir/allowed")" -gt $(($1 + 20)) ]
}

restarts() {
    for _ in 1 2 3 4 5; do
        before=$(main_pid policyd)
        eventually served_since "$(wc -l <"$dir/allowed")" || return 1
        "$@" || return 1
        eventually sh -c "pid=\$(systemctl show -p MainPID --value policyd)
            [ \"\$pid\" != 0 ] && [ \"\$pid\" != $before ]" || return 1
    done
    eventually served_since "$(wc -l <"$dir/allowed")"
}

crash() {
    kill -9 "$before"
}

ok "policyd is restarted" restarts systemctl restart policyd
ok "and killed" restarts crash
exec 7>&-
wait $client
ok "redis-benchmark's connections stood" alive $kept "$dir/kept"
ok "and of its new ones none failed" alive $fresh "$dir/fresh"
ok "a new connection is served, each time" grep -qx 'allowed served=[1-9][0-9]*' "$dir/client"
ok "what is forbidden is refused, each time" \
    grep -qx 'forbidden EACCES=[1-9][0-9]*' "$dir/client"
sed 's/^/# /' "$dir/client"
kill $kept $fresh

# ---- without a daemon, and without Pillion ----------------------------------------------------

systemctl stop policyd.service policyd.socket
ok "stopping policyd leaves the service up" is_active redis-server
ok "starting the service brings policyd back" systemctl restart redis-server
ok "under it" eventually attached redis-server
ok "the switch is turned" pillion switch off --reason test
systemctl restart policyd
ok "and is found again" sh -c "pillion switch | grep -q 'the switch is off'"
ok "the log has it" grep -q '"event":"switch","mode":"off".*"cause":"start"' "$log"
pillion switch on >/dev/null
ok "the service is disabled" pillion disable redis-server
ok "and starts" systemctl restart redis-server
ok "without Pillion" sh -c "! grep -q libpillion \
    /proc/\$(systemctl show -p MainPID --value redis-server)/maps"
ok "nothing of ours is left beside it" sh -c "! test -e /etc/systemd/system/redis-server.service.d"
echo "1..$number"
