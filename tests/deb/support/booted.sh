#!/bin/sh
# Run by systemd inside the machine that ../systemd.sh boots: the packages' life, under systemd.
set -u
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
cd /debs || exit 1
number=0

ok() {
    name=$1
    shift
    number=$((number + 1))
    if "$@" >/tmp/out 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        tail -20 /tmp/out | sed 's/^/# /'
        journalctl -q -n 10 -o cat | sed 's/^/# journal: /'
    fi
}

eventually() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || return 1
        sleep 0.1
    done
}

says() {
    wanted=$1
    shift
    "$@" >/tmp/said 2>&1 || { cat /tmp/said; return 1; }
    cat /tmp/said
    grep -q -- "$wanted" /tmp/said
}

state_is() {
    state=$(systemctl is-active "$2")
    echo "$2 is $state"
    [ "$state" = "$1" ]
}

shown() {
    systemctl show --property "$1" --value "$2"
}

install_all() {
    apt-get -qy --no-install-recommends install "$1"/*.deb
}

ok "they install, and say why nothing is started" \
    says 'not started: write a policy' install_all /debs
ok "policyd does not run" state_is inactive policyd.service
ok "its socket does not listen" state_is inactive policyd.socket
ok "both come with the next boot" systemctl --quiet is-enabled policyd.socket policyd.service

cat >/etc/pillion/policy.d/test.conf <<EOT
schema  = 1
default = deny
policy "test" {
    applies = {"*"}
    rule "serve" { effect = allow  actions = {listen, accept}  resources = {"*:6379"} }
    rule "query" {
        effect = allow  actions = {connect}  resources = {"127.0.0.1:6379", "127.1.0.0/16:6379"}
    }
}
EOT
echo 'deadline = 20s' >>/etc/pillion/policyd.conf
ok "with a policy, policyd is started" invoke-rc.d policyd start
ok "and runs" state_is active policyd.service
ok "on systemd's socket" state_is active policyd.socket
pid=$(shown MainPID policyd.service)
socket=$(shown ActiveEnterTimestampMonotonic policyd.socket)

# pillion enable is tried elsewhere; this is what an administrator's own unit looks like.
cat >/etc/systemd/system/shop.service <<EOT
[Service]
ExecStart=/usr/bin/pillion run -- /usr/bin/redis-server --port 6379 --bind 0.0.0.0 --save '' \
    --protected-mode no
EOT
systemctl daemon-reload
ok "a unit starts redis under it" systemctl start shop
ok "which answers" eventually says PONG redis-cli ping
redis=$(shown MainPID shop.service)

pillion run -- perl /debs/load.pl 6379 /tmp/up /tmp/end >/tmp/load 2>&1 &
load=$!
ok "the load is on" eventually test -e /tmp/up
ok "everything is upgraded" install_all /debs/next
touch /tmp/end
wait "$load"
sed 's/^/# load: /' /tmp/load

only() {
    ! grep "^$1 " /tmp/load | grep -v "^$1 $2 "
}
ok "the new version serves" says '^policyd  *99' pillion status
ok "as another process" test "$(shown MainPID policyd.service)" != "$pid"
ok "which was started once" \
    test "$(grep -c '"event":"start"' /var/log/pillion/decisions.log)" = 2
ok "the socket is the one from before" \
    test "$(shown ActiveEnterTimestampMonotonic policyd.socket)" = "$socket"
ok "the connection that stood, stands" grep -qx 'standing stood' /tmp/load
ok "nothing was refused that is allowed" only allowed made
ok "and all that is denied was" only denied EACCES
ok "redis is the same process" test "$(shown MainPID shop.service)" = "$redis"

refused() {
    ! "$@" && grep -q shop.service /tmp/out
}
ok "removal is refused while the unit needs it" refused apt-get -qy remove policyd
ok "and policyd runs" state_is active policyd.service
systemctl stop shop
rm /etc/systemd/system/shop.service
systemctl daemon-reload
ok "everything is purged" apt-get -qy autoremove --purge pillion policyd libpillion lib32pillion
ok "policyd does not run" state_is inactive policyd.service
ok "and nothing listens" state_is inactive policyd.socket
ok "its folder is gone" test ! -e /run/pillion
find /etc/systemd /lib/systemd /var/lib/systemd -name 'policyd*' >/tmp/left
ok "no unit is left" diff /dev/null /tmp/left
echo "1..$number"
