#!/bin/sh
# An upgrade of everything while programs run under policy: they keep the library that they were
# started with and stay governed, their connections stand, nothing is let through that the policy
# denies, and policyd is started anew once. Afterwards the daemon goes, and leaves them closed.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/deb/support/machine.sh
PORT=6379

machine_make sysvinit-core redis-server redis-tools curl
ok "apt can have what the packages need" fetch
picture >"$dir/before"
ok "they install" install_all /debs

cat >"$tree/etc/pillion/policy.d/test.conf" <<EOT
schema  = 1
default = deny
policy "test" {
    applies = {"*"}
    rule "serve" { effect = allow  actions = {listen, accept}  resources = {"*:$PORT"} }
    rule "query" {
        effect    = allow
        actions   = {connect}
        resources = {"127.0.0.1:$PORT", "127.1.0.0/16:$PORT", "127.0.0.1:9464"}
    }
}
EOT
# A deadline that a slow machine keeps, so that whoever has to wait for the new policyd can.
cat >>"$tree/etc/pillion/policyd.conf" <<EOT
metrics = {"127.0.0.1:9464"}
deadline = 20s
EOT

policyd_pid() {
    inside pillion status | sed -n 's/^policyd .* pid \([0-9]*\),.*/\1/p'
}

log_lines() {
    grep -c "$1" "$tree/var/log/pillion/decisions.log"
}

inside invoke-rc.d policyd start >"$dir/start" 2>&1
inside test -S /run/pillion/policyd.sock || give_up "policyd does not start: $(cat "$dir/start")"
ok "and answers" says 'health  *ok' inside pillion status
old=$(policyd_pid)

# ---- programs under it -------------------------------------------------------------------------

inside pillion run -- redis-server --port $PORT --bind 0.0.0.0 --protected-mode no --save '' \
    --daemonize yes --pidfile /run/redis.pid >"$dir/redis" 2>&1
ok "redis comes up" eventually says PONG inside redis-cli -p $PORT ping
redis=$(inside cat /run/redis.pid)
ok "it is listed as covered" says "^$redis .* covered .*redis" inside pillion status --processes
ok "redis-cli may ask where it is allowed" says PONG \
    inside pillion run -- redis-cli -h 127.1.0.1 -p $PORT ping
ok "and may not elsewhere" fails 'Permission denied' \
    inside pillion run -- redis-cli -h 127.2.0.1 -p $PORT ping
ok "curl may" says '^ok' inside pillion run -- curl -sS http://127.0.0.1:9464/healthz
ok "and may not" fails "Failed to connect" \
    inside pillion run -- curl -sS http://127.2.0.1:9464/healthz

# Connections that redis itself makes, so that what it may is seen from outside. It is asked to talk
# to itself: where it may connect, it then waits in vain for its own answer.
redis_may() {
    says 'timeout reading' inside redis-cli -p $PORT migrate "$1" $PORT key 0 200
}
redis_may_not() {
    says 'timeout connecting' inside redis-cli -p $PORT migrate "$1" $PORT key 0 200
}
inside redis-cli -p $PORT set key value >"$dir/out"
ok "redis may connect where it is allowed" redis_may 127.1.1.1
ok "redis may not connect elsewhere" redis_may_not 127.2.1.1

# What is mapped, as device and inode: what replaces the file has another one.
mapped() {
    inside sed -n 's|^[0-9a-f-]* [^ ]* [^ ]* \([0-9a-f:]* [0-9]*\) .*/libpillion\.so.*|\1|p' \
        "/proc/$redis/maps" | sort -u
}
library=$(mapped)
ok "redis has the library" test -n "$library"

# ---- the upgrade -------------------------------------------------------------------------------

cp tests/deb/support/load.pl "$tree/debs"
inside pillion run -- perl /debs/load.pl $PORT /tmp/up /tmp/end >"$dir/load" 2>&1 &
load=$!
ok "the load is on" eventually inside test -e /tmp/up
ok "everything is upgraded" install_all /debs/next
inside touch /tmp/end
wait "$load"
sed 's/^/# load: /' "$dir/load"

ok "the new version serves" \
    eventually says "^policyd  *$(sed -n '1s/.*(\(.*\)).*/\1/p' "$NEXT/src/debian/changelog")," \
    inside pillion status
ok "policyd is another process" sh -c '[ -n "$2" ] && [ "$1" != "$2" ]' sh "$old" "$(policyd_pid)"
ok "and was started once" test "$(log_lines '"event":"start"')" = 2
ok "what was changed in its settings is kept" grep -q '^metrics = ' "$tree/etc/pillion/policyd.conf"
ok "the connection that stood, stands" grep -qx 'standing stood' "$dir/load"
only() {
    ! grep "^$1 " "$dir/load" | grep -v "^$1 $2 "
}
ok "nothing was refused that is allowed" only allowed made
ok "and all that is denied was" only denied EACCES
ok "redis is the same process" says PONG inside redis-cli -p $PORT ping
ok "with the same library" test "$library" = "$(mapped)"
ok "which is not the file any more" says deleted inside grep libpillion.so "/proc/$redis/maps"
ok "and is known to the new policyd" eventually says "^$redis .* covered .*redis" \
    inside pillion status --processes
ok "which goes on allowing it" redis_may 127.1.1.2
ok "and denying it" redis_may_not 127.2.1.2
ok "and answering others" says PONG inside pillion run -- redis-cli -h 127.1.0.1 -p $PORT ping

# ---- a policy that is wrong --------------------------------------------------------------------

now=$(policyd_pid)
echo 'nonsense' >>"$tree/etc/pillion/policy.d/test.conf"
ok "with a wrong policy an installation says so" says 'not restarted: what runs goes on' \
    inside sh -c 'dpkg -i /debs/next/policyd_*.deb'
ok "and leaves the daemon that works" test "$now" = "$(policyd_pid)"
sed -i '/^nonsense$/d' "$tree/etc/pillion/policy.d/test.conf"

# ---- removal -----------------------------------------------------------------------------------

unit=etc/systemd/system/redis-server.service.d
mkdir -p "$tree/$unit"
printf '[Service]\nExecStart=\nExecStart=/usr/bin/pillion run -- /usr/bin/redis-server\n' \
    >"$tree/$unit/pillion.conf"
ok "removal is refused while a unit starts by pillion run" \
    fails "/$unit/pillion.conf" apt remove pillion
ok "and of policyd" fails "/$unit/pillion.conf" apt remove policyd
ok "both are as they were" says PONG inside pillion run -- redis-cli -p $PORT ping
ok "policyd goes all the same when that is said" says "^policyd:.*anyway" \
    inside env PILLION_REMOVE=anyway dpkg -r policyd
ok "and has named who stays closed" grep -q "^ *$redis redis-server" "$dir/said"
rm -r "${tree:?}/$unit"
ok "no policyd runs" gone "$now"
ok "redis runs, and is refused what was never asked" redis_may_not 127.1.7.7
ok "a new program does not start" fails 'nothing was executed' \
    inside pillion run -- redis-cli -p $PORT ping
ok "installed again, policyd starts: there is a policy" inside sh -c 'dpkg -i /debs/policyd_*.deb'
ok "and redis is served again" eventually redis_may 127.1.7.7
inside redis-cli -p $PORT shutdown nosave
ok "redis ends" eventually gone "$redis"
ok "everything is purged" apt autoremove --purge pillion policyd libpillion lib32pillion
ok "the policy that somebody wrote stays" rm "$tree/etc/pillion/policy.d/test.conf"
rmdir "$tree/etc/pillion/policy.d" "$tree/etc/pillion"
picture >"$dir/after"
ok "the tree is what it was before" same "$dir/before" "$dir/after"
echo "1..$number"
