#!/bin/sh
# nginx: files by sendfile, a proxy to another nginx, and clients that keep connections and do not.
set -u
. "$(dirname "$0")/common"
need nginx curl wrk perl python3

conf() { # NAME SERVER
    cat >"$dir/$1.conf" <<CONF
daemon off;
user root;
pid $dir/$1.pid;
error_log $dir/$1.err;
worker_processes 2;
events { worker_connections 256; }
http {
    access_log off;
    sendfile on; tcp_nopush on;
    client_body_temp_path $dir/$1.body; proxy_temp_path $dir/$1.proxy;
    fastcgi_temp_path $dir/$1.fcgi; uwsgi_temp_path $dir/$1.uwsgi; scgi_temp_path $dir/$1.scgi;
    upstream back { server 127.0.0.1:$(port 2); keepalive 4; }
    server { $2 root $dir/www; }
}
CONF
    later $RUN nginx -p "$dir" -e "$dir/$1.err" -c "$dir/$1.conf"
}

scenario() {
    url=http://127.0.0.1:$(port)
    mkdir "$dir/www"
    head -c 3000000 /dev/urandom | base64 >"$dir/www/large"
    echo "$marker" >"$dir/www/small"
    conf back "listen 127.0.0.1:$(port 2);"
    conf front "listen 127.0.0.1:$(port);
        location /back/ { proxy_pass http://back/; proxy_http_version 1.1;
            proxy_set_header Connection ''; }
        location /each/ { proxy_pass http://127.0.0.1:$(port 2)/; }"
    ready $RUN curl -sf -o "$dir/got" "$url/back/small"
    $RUN curl -s "$url/small" "$url/small" "$url/back/small" "$url/each/small"
    for path in large back/large each/large; do
        $RUN curl -s "$url/$path" | cmp - "$dir/www/large" && echo "$path"
    done
    $RUN curl -s -r 1000000-1999999 "$url/large" | wc -c
    $RUN curl -s -o /dev/null -w '%{http_code} %{size_upload}\n' --data-binary "@$dir/www/small" \
        "$url/back/small"
    $RUN curl -s --parallel --parallel-max 30 -o "$dir/got.#1" "$url/small?[1-60]" \
        2>"$dir/meter" && cat "$dir"/got.* | sort | uniq -c
    $RUN curl -s --limit-rate 8M "$url/large" | cmp - "$dir/www/large" && echo slowly
    $RUN wrk -t 2 -c 16 -d 1s "$url/small" | grep -c 'Non-2xx\|Socket errors'
    $RUN wrk -t 1 -c 8 -d 1s "$url/back/small" | grep -c 'Non-2xx\|Socket errors'
    if command -v ab >/dev/null; then
        $RUN ab -q -n 300 -c 8 "$url/small" 2>&1 | grep 'Complete requests\|Failed requests'
        for way in back each; do
            $RUN ab -q -k -n 900 -c 8 "$url/$way/small" 2>&1 |
                grep 'Complete requests\|Failed requests'
        done
    fi
    kill -HUP "$(cat "$dir/front.pid")"
    for _ in 1 2 3 4 5 6; do $RUN curl -s "$url/small"; done
}
compare_secured
