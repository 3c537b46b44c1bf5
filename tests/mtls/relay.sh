#!/bin/sh
# Every connection as a relay: files by sendfile in more than one buffer, and small answers.
set -u
. "$(dirname "$0")/common"
need nginx curl redis-server redis-cli redis-benchmark perl python3
SETTINGS='record_path = relay'

scenario() {
    url=http://127.0.0.1:$(port)
    mkdir "$dir/www"
    head -c 12000000 /dev/urandom | base64 >"$dir/www/large"
    echo "$marker" >"$dir/www/small"
    cat >"$dir/nginx.conf" <<CONF
daemon off;
user root;
pid $dir/nginx.pid;
error_log $dir/nginx.err;
events { }
http {
    access_log off;
    sendfile on; tcp_nopush on;
    client_body_temp_path $dir/body; proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fcgi; uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
    server { listen 127.0.0.1:$(port); root $dir/www; }
}
CONF
    later $RUN nginx -p "$dir" -e "$dir/nginx.err" -c "$dir/nginx.conf"
    ready $RUN curl -sf -o "$dir/got" "$url/small"
    $RUN curl -s "$url/small"
    for _ in 1 2 3; do $RUN curl -s -m 20 "$url/large" | cmp - "$dir/www/large" && echo large; done
    later $RUN redis-server --port "$(port 2)" --save '' --appendonly no --dir "$dir"
    ready $RUN redis-cli -p "$(port 2)" ping
    $RUN redis-cli -p "$(port 2)" eval "return string.rep('$marker', 100000)" 0 | cksum
    $RUN redis-benchmark -p "$(port 2)" -n 2000 -c 25 -t set,get -q >"$dir/bench" 2>&1
    echo "benchmark $?"
    if [ -n "$RUN" ]; then
        "$pillion" status --connections -s "$tmp/p.sock" | grep -c ' process ' >"$dir/process"
        grep -qx 0 "$dir/process" || echo "not relayed: $(cat "$dir/process")"
    fi
}
compare_secured
