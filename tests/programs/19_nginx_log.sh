#!/bin/sh
# What servers tell of their peers: nginx's log of addresses and ports, as the kernel gives them.
set -u
. "$(dirname "$0")/common"
need nginx curl perl

scenario() {
    port=$(free_port) back=$(free_port)
    mkdir "$dir/www"
    echo hello >"$dir/www/index.html"
    chmod -R a+rX "$dir"
    user=
    [ "$(id -u)" != 0 ] || user='user nobody nogroup;'
    # The peer's port is the kernel's choice: in the log it is compared with the client's own word.
    cat >"$dir/nginx.conf" <<CONF
$user
worker_processes 2;
daemon off;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { }
http {
    log_format peers '\$remote_addr \$server_addr:\$server_port \$arg_from=\$remote_port '
                     '\$request \$status \$body_bytes_sent \$connection_requests';
    log_format back '\$remote_addr \$server_addr:\$server_port \$request \$status';
    access_log $dir/access.log peers;
    client_body_temp_path $dir/body;  proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/f;  uwsgi_temp_path $dir/u;  scgi_temp_path $dir/s;
    server {
        listen $port;
        root $dir/www;
        location /back/ { proxy_pass http://127.0.0.1:$back/; proxy_bind 127.0.0.7; }
        location /unix/ { proxy_pass http://unix:$dir/back.sock:/; }
        location /nobody/ { proxy_pass http://127.0.0.1:1/; }
    }
    server {
        listen 127.0.0.1:$back;
        listen unix:$dir/back.sock;
        root $dir/www;
        access_log $dir/back.log back;
    }
}
CONF
    later $RUN nginx -p "$dir" -c "$dir/nginx.conf"
    ready curl -sf "http://127.0.0.1:$port/?ready"
    for from in 1 2 3; do
        for to in 127.0.0.1 127.0.0.4; do
            for path in / /back/ /unix/ /nobody/ /none; do
                own=$(free_port)
                $RUN curl -s -o /dev/null --interface "127.0.0.$from" --local-port "$own" \
                    -w '%{http_code} %{local_ip}\n' "http://$to:$port$path?from=$own"
            done
        done
    done
    $RUN curl -s "http://127.0.0.1:$port/?twice" "http://127.0.0.1:$port/?twice"
    kill -QUIT "$(cat "$dir/nginx.pid")"
    ready test ! -e "$dir/nginx.pid"
    for log in access back; do
        grep -v ready "$dir/$log.log" | perl -pe '
            s/\b(\d+)=\1\b/PORT=PORT/; s/ -=\d+ / -=PORT /; s/from=\d+/from=PORT/;
            s/:('"$port|$back"') /:SERVER /; s|'"$dir"'|DIR|'
    done
}
compare_legs
