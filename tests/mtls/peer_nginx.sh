#!/bin/sh
# One end under Pillion, at the other nginx that verifies its clients, and curl with a certificate.
set -u
. "$(dirname "$0")/common"
need nginx openssl curl perl python3
. tests/mtls/authority

# Its own TLS; with Pillion in front of it, none.
serve() { # NAME LISTEN LINES
    cat >"$dir/$1.conf" <<CONF
daemon off;
user root;
pid $dir/$1.pid;
error_log $dir/$1.err;
events { worker_connections 256; }
http {
    access_log off;
    sendfile on;
    client_body_temp_path $dir/$1.body; proxy_temp_path $dir/$1.proxy;
    fastcgi_temp_path $dir/$1.fcgi; uwsgi_temp_path $dir/$1.uwsgi; scgi_temp_path $dir/$1.scgi;
    server { listen 127.0.0.1:$2; root $dir/www; $3 }
}
CONF
    name=$1
    shift 3
    later "$@" nginx -p "$dir" -e "$dir/$name.err" -c "$dir/$name.conf"
}

# The name in a certificate of an identity is no host, so curl is told not to look for one.
foreign_curl() { curl -sS -k --tlsv1.3 --cert "$pki/peer.crt" --key "$pki/peer.key" "$@"; }
ours=https://127.0.0.1 theirs=http://127.0.0.1

gets_small() { foreign_curl "$ours:$(port)/small" | grep -qx "$marker"; }
gets_large() { foreign_curl "$ours:$(port)/large" | cmp - "$dir/www/large"; }
gets_many() {
    foreign_curl --parallel --parallel-max 20 -o "$dir/got.#1" "$ours:$(port)/small?[1-40]" &&
        [ "$(cat "$dir"/got.* | grep -cx "$marker")" = 40 ]
}
is_known() { # nginx says what it thinks of our client
    $RUN curl -sS "$theirs:$(port 2)/who" | grep -qx 'SUCCESS TLSv1.3'
}
asks_large() { $RUN curl -sS "$theirs:$(port 2)/large" | cmp - "$dir/www/large"; }
asks_twice() {
    small=$theirs:$(port 2)/small
    [ "$($RUN curl -sS "$small" "$small" | grep -cx "$marker")" = 2 ]
}
proxied() { foreign_curl "$ours:$(port)/on/large" | cmp - "$dir/www/large"; }

dir=$tmp/work
mkdir "$dir" "$dir/www"
echo "$marker" >"$dir/www/small"
head -c 3000000 /dev/urandom | base64 >"$dir/www/large"
take_ports
start_secured
start_capture
learn_roots
serve ours "$(port)" "location /on/ { proxy_pass http://127.0.0.1:$(port 2)/; }" $RUN
serve theirs "$(port 2) ssl" "ssl_protocols TLSv1.3; ssl_certificate $pki/peer.crt;
    ssl_certificate_key $pki/peer.key; ssl_client_certificate $pki/pillion.pem;
    ssl_verify_client on;
    location /who { return 200 \"\$ssl_client_verify \$ssl_protocol\\n\"; }"
ready gets_small
ready is_known
ok "$subject: curl with a certificate, to our nginx" gets_small
ok "$subject: the same, a large file by sendfile" gets_large
ok "$subject: the same, many at a time" gets_many
ok "$subject: our curl, to nginx that verifies it" is_known
ok "$subject: the same, a large file" asks_large
ok "$subject: the same, a connection that is kept" asks_twice
ok "$subject: our nginx between both" proxied
nothing_plain
