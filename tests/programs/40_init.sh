#!/bin/sh
# Services of init scripts and of xinetd under Pillion, each as its real tool starts it: an init
# script with start-stop-daemon and a line in its default file, and the examples of dist/.
set -u
. "$(dirname "$0")/common"
need redis-server redis-cli start-stop-daemon
dir=$tmp

cat >"$dir/policyd.conf" <<EOT
socket = "$dir/p.sock"
abstract = ""
policy = {"$allow"}
log = "$dir/decisions.log"
pidfile = "$dir/policyd.pid"
switch = ""
deadline = 30s
watch = no
EOT
chmod 600 "$dir/policyd.conf"
clean_up() {
    end_leg
    for file in "$dir"/*.pid; do
        [ ! -f "$file" ] || kill "$(cat "$file")" 2>/dev/null
    done
    rm -rf "$tmp"
}
ok "policyd starts" "$policyd" -c "$dir/policyd.conf"
port=$(free_port)
PILLION_SOCKET=$dir/p.sock
export PILLION_SOCKET

# ---- an init script ---------------------------------------------------------------------------

sed "s|/usr/bin/pillion|$BUILD/pillion|; s|/etc/default/pillion|$dir/default.pillion|g" \
    dist/pillion.sysv >"$dir/sysv.sh"
sed "s|^#PILLION_ARGS=.*|PILLION_ARGS='--timeout 60000'|" dist/pillion.default \
    >"$dir/default.pillion"
cat >"$dir/init" <<EOT
#!/bin/sh
# As Debian's scripts are.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
PIDFILE=$dir/redis.pid
DAEMON=/usr/bin/redis-server
[ -r $dir/default.redis ] && . $dir/default.redis
case "\$1" in
start)
    start-stop-daemon --start --quiet --pidfile \$PIDFILE --exec \$DAEMON -- \
        --port $port --daemonize yes --pidfile \$PIDFILE --save '' --dir $dir
    ;;
stop)
    start-stop-daemon --stop --quiet --retry 10 --pidfile \$PIDFILE --exec \$DAEMON
    ;;
esac
EOT

covered() {
    grep -q libpillion "/proc/$(cat "$dir/redis.pid")/maps" &&
        "$pillion" status --processes --json -s "$dir/p.sock" |
        grep -q "\"pid\": $(cat "$dir/redis.pid"),"
}

ok "without a line the script starts its program" sh "$dir/init" start
ok "which answers" ready redis-cli -p "$port" ping
ok "without Pillion" sh -c "! grep -q libpillion /proc/$(cat "$dir/redis.pid")/maps"
ok "and stops it" sh "$dir/init" stop
echo ". $dir/sysv.sh" >"$dir/default.redis"
ok "with a line in its default file it starts it" sh "$dir/init" start
ok "which answers again" ready redis-cli -p "$port" ping
ok "under Pillion" covered
ok "a second start finds it running" sh -c "sh '$dir/init' start; [ \$? -eq 1 ]"
ok "and stop ends it" sh "$dir/init" stop
ok "all of it" sh -c "! redis-cli -p $port ping"

# ---- xinetd -----------------------------------------------------------------------------------

if ! command -v xinetd >/dev/null || [ "$(id -u)" -ne 0 ]; then
    number=$((number + 1))
    echo "ok $number - a service of xinetd # SKIP xinetd is not installed, or this is not root"
else
    port=$(free_port)
    # What it is, and whether the library is in it.
    cat >"$dir/gate" <<'EOT'
#!/bin/sh
read -r line
grep -c 'libpillion.so' /proc/$$/maps | sed 's/^[1-9].*/covered/'
echo "$line"
EOT
    chmod 755 "$dir/gate"
    chmod 711 "$dir"
    sed -n '/^# The same for xinetd/,$s/^#   //p' dist/pillion.inetd |
        sed "s|7777|$port|; s|/usr/bin/pillion|$BUILD/pillion|
            s|run -- .*|run -s $dir/p.sock -- $dir/gate|
            s|^}|    bind = 127.0.0.1\n}|" >"$dir/xinetd.conf"
    chmod 644 "$dir/xinetd.conf"
    xinetd -dontfork -f "$dir/xinetd.conf" -pidfile "$dir/xinetd.pid" >"$dir/xinetd.log" 2>&1 &
    jobs_of_leg="$jobs_of_leg $!"
    answers() {
        echo hello | socat -t 10 - "TCP:127.0.0.1:$port" >"$dir/answer" 2>/dev/null &&
            [ -s "$dir/answer" ]
    }
    ok "xinetd starts its service" ready answers
    ok "under Pillion, on the connection that it was given" \
        sh -c "printf 'covered\nhello\n' | diff - '$dir/answer'"
fi
kill "$(cat "$dir/policyd.pid")"
ready sh -c "! test -e '$dir/p.sock'"
ok "without a policyd an init script starts nothing" sh -c "sh '$dir/init' start; [ \$? -eq 3 ]"
echo "1..$number"
