#!/bin/sh
# nginx under requests: reload, and a new binary on the old sockets (USR2, WINCH, QUIT). No request
# is lost, and what takes over is governed.
set -u
. "$(dirname "$0")/common"
need /usr/sbin/nginx curl perl pgrep

# Asks all the time, and notes what came.
ask() {
    while [ -e "$dir/asking" ]; do
        curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/" >>"$dir/answers"
    done
}

workers() { # PID: its workers, apart from another master that it started
    pgrep -P "$1" -f 'nginx: worker'
}

# A private policyd ends with its command, and this one puts itself into the background.
host_policyd() {
    later "$policyd" --foreground --config "$patient" --socket "$dir/policyd.sock" \
        --abstract "@pillion-test/$(basename "$tmp")" --policy "$allow" --log "$dir/decisions.log"
    ready "$BUILD/pillion" status --socket "$dir/policyd.sock"
    RUN="$BUILD/pillion run --socket @pillion-test/$(basename "$tmp") --"
}

scenario() {
    [ -z "$RUN" ] || host_policyd
    port=$(free_port)
    mkdir "$dir/www"
    echo hello >"$dir/www/index.html"
    chmod -R a+rX "$dir"
    user=
    [ "$(id -u)" != 0 ] || user='user nobody nogroup;'
    cat >"$dir/nginx.conf" <<CONF
$user
worker_processes 2;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $dir/body;  proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/f;  uwsgi_temp_path $dir/u;  scgi_temp_path $dir/s;
    server { listen 127.0.0.1:$port;  root $dir/www; }
}
CONF
    # It puts itself into the background, as a service does.
    # shellcheck disable=SC2086
    $RUN /usr/sbin/nginx -p "$dir" -c "$dir/nginx.conf"
    ready curl -sf "http://127.0.0.1:$port/"
    : >"$dir/asking"
    : >"$dir/answers"
    ask &
    old=$(cat "$dir/nginx.pid") before=$(workers "$(cat "$dir/nginx.pid")")
    # shellcheck disable=SC2086
    $RUN /usr/sbin/nginx -p "$dir" -c "$dir/nginx.conf" -s reload 2>/dev/null
    echo "reload $?"
    for pid in $before; do
        ready sh -c "! kill -0 $pid"
    done
    kill -USR2 "$old"
    ready test -s "$dir/nginx.pid.oldbin" -a -s "$dir/nginx.pid"
    new=$(cat "$dir/nginx.pid")
    ready sh -c "pgrep -P $new"
    [ "$new" != "$old" ] && echo "a new master"
    kill -WINCH "$old"
    ready sh -c "! pgrep -P $old -f 'nginx: worker'"
    kill -QUIT "$old"
    ready sh -c "! kill -0 $old"
    curl -s "http://127.0.0.1:$port/"
    rm "$dir/asking"
    wait $!
    sort "$dir/answers" | uniq -c | awk '{ print $2 }'
    covered=no
    grep -q libpillion.so "/proc/$new/maps" && covered=yes
    want=no
    [ -z "$RUN" ] || want=yes
    [ $covered = $want ] && echo "the new one is governed as the old one was"
    # shellcheck disable=SC2086
    $RUN /usr/sbin/nginx -p "$dir" -c "$dir/nginx.conf" -s quit 2>/dev/null
    ready test ! -e "$dir/nginx.pid"
    grep -c '\[\(alert\|crit\|emerg\)\]' "$dir/error.log"
    true
}
compare_legs
