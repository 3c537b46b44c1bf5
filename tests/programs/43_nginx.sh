#!/bin/sh
# also: 44
# nginx with several workers: static files, proxying over TCP and a unix socket, reload.
set -u
. "$(dirname "$0")/common"
need nginx curl perl

fetch() { # URL COUNT: how often which status and body came
    for _ in $(seq "$2"); do
        curl -s -o - -w ' %{http_code}\n' "$1"
    done | sort | uniq -c
}

scenario() {
    front=$(free_port) back=$(free_port)
    mkdir "$dir/www"
    echo hello >"$dir/www/index.html"
    head -c 3000000 /dev/zero >"$dir/www/big"
    chmod -R a+rX "$dir"
    user=
    [ "$(id -u)" != 0 ] || user='user nobody nogroup;'
    cat >"$dir/nginx.conf" <<CONF
$user
worker_processes 3;
daemon off;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $dir/body;  proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/f;  uwsgi_temp_path $dir/u;  scgi_temp_path $dir/s;
    server { listen 127.0.0.1:$back;  listen unix:$dir/back.sock;  root $dir/www; }
    server {
        listen 127.0.0.1:$front;
        location /tcp/ { proxy_pass http://127.0.0.1:$back/; }
        location /unix/ { proxy_pass http://unix:$dir/back.sock:/; }
        location /name/ { proxy_pass http://localhost:$back/; }
        location /nobody/ { proxy_pass http://127.0.0.1:1/; }
    }
}
CONF
    later $RUN nginx -p "$dir" -c "$dir/nginx.conf"
    ready curl -sf "http://127.0.0.1:$front/tcp/"
    for _ in 1 2; do
        fetch "http://127.0.0.1:$back/" 20
        fetch "http://127.0.0.1:$front/tcp/" 20
        fetch "http://127.0.0.1:$front/unix/" 20
        fetch "http://127.0.0.1:$front/name/" 5
        curl -s -o /dev/null -w '%{http_code} %{size_download}\n' "http://127.0.0.1:$front/tcp/big"
        curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$front/nobody/"
        # New workers take over and the old ones leave.
        old=$(pgrep -P "$(cat "$dir/nginx.pid")" | sort)
        kill -HUP "$(cat "$dir/nginx.pid")"
        for worker in $old; do
            ready sh -c "! kill -0 $worker"
        done
    done
    kill -QUIT "$(cat "$dir/nginx.pid")"
    ready test ! -e "$dir/nginx.pid"
    grep -v 'Connection refused' "$dir/error.log" | grep -c '\[\(alert\|crit\|emerg\)\]'
    true
}
compare_legs
