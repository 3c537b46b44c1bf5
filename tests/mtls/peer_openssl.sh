#!/bin/sh
# One end under Pillion, at the other openssl's own client and server: each suite, updated keys,
# how a connection ends, and much data.
set -u
. "$(dirname "$0")/common"
need openssl socat perl python3
. tests/mtls/authority

client() { # OPTIONS...: to our server; what it reads on goes out, and the end comes from there
    openssl s_client -connect "127.0.0.1:$(port)" -cert "$pki/peer.crt" -key "$pki/peer.key" \
        -CAfile "$pki/pillion.pem" -verify_return_error -tls1_3 -ign_eof -nocommands "$@"
}
server() { # PORT OPTIONS...
    at=$1
    shift
    later openssl s_server -accept "127.0.0.1:$at" -cert "$pki/peer.crt" -key "$pki/peer.key" \
        -CAfile "$pki/pillion.pem" -Verify 2 -verify_return_error -tls1_3 "$@"
    ready grep -q ACCEPT "$dir/job.log"
}

echoes_line() { # OPTIONS...
    echo "$marker" | client -quiet "$@" 2>"$tmp/err" | grep -qx "said $marker"
}
shows_itself() {
    echo "$marker" | client -brief >"$tmp/said" 2>&1
    cat "$tmp/said"
    grep -q 'Verification: OK' "$tmp/said" && grep -q 'Protocol version: TLSv1.3' "$tmp/said"
}
reversed() { # PORT
    echo "$marker" | $RUN socat -t 10 - "TCP:127.0.0.1:$1" | grep -qx "$(echo "$marker" | rev)"
}
large_from_server() {
    printf 'GET /large HTTP/1.0\r\n\r\n' | $RUN socat -t 10 - "TCP:127.0.0.1:$(port 3)" |
        perl -0777 -ne 's/.*?\r\n\r\n//s; print' | cmp - "$dir/large"
}
large_to_client() { # our server sends the file and closes, which the peer sees as the end
    client -quiet </dev/null 2>"$tmp/err" | cmp - "$dir/large"
}

# Lines to and fro, with a word to the client between them that makes it change its keys.
updates() {
    python3 - "$(port)" "$pki" "$marker" <<'PY'
import subprocess, sys
port, pki, marker = sys.argv[1:]
client = subprocess.Popen(
    ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-cert", f"{pki}/peer.crt", "-key",
     f"{pki}/peer.key", "-CAfile", f"{pki}/pillion.pem", "-brief"], stdin=subprocess.PIPE,
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)

def wait_for(text):
    seen = b""
    while text not in seen:
        part = client.stdout.read(1)
        if not part:
            sys.exit(f"ended, after {seen!r}")
        seen += part

wait_for(b"Verification: OK")
for n, command in enumerate([b"", b"K\n", b"k\n", b"K\n", b"K\n"]):
    if command:
        client.stdin.write(command)
        wait_for(b"KEYUPDATE")
    for again in range(2):
        line = f"line {n} {again} {marker}\n".encode()
        client.stdin.write(line)
        wait_for(line)
client.stdin.close()
sys.exit(client.wait(30))
PY
}

dir=$tmp/work
mkdir "$dir"
take_ports
start_secured
start_capture
learn_roots
head -c 3000000 /dev/urandom | base64 >"$dir/large"

later $RUN socat "TCP-LISTEN:$(port),bind=127.0.0.1,reuseaddr,fork" \
    SYSTEM:'read line; echo "said $line"'
ready echoes_line
ok "$subject: the client trusts what our server shows" shows_itself
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
    ok "$subject: our server, $suite" echoes_line -ciphersuites $suite
done
end_leg

later $RUN socat "TCP-LISTEN:$(port),bind=127.0.0.1,reuseaddr,fork" EXEC:cat
ready updates
ok "$subject: our server, keys that change" updates
end_leg
later $RUN socat -U "TCP-LISTEN:$(port),bind=127.0.0.1,reuseaddr,fork" "OPEN:$dir/large,rdonly"
ready large_to_client
ok "$subject: our server sends much, and its end is told from a cut" large_to_client
end_leg

for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
    server "$(port 2)" -rev -ciphersuites $suite
    ok "$subject: our client, $suite" reversed "$(port 2)"
    end_leg
done
(cd "$dir" && exec openssl s_server -accept "127.0.0.1:$(port 3)" -cert "$pki/peer.crt" \
    -key "$pki/peer.key" -CAfile "$pki/pillion.pem" -Verify 2 -verify_return_error -HTTP \
    >"$dir/http.log" 2>&1 </dev/null) &
jobs_of_leg=$!
ready grep -q ACCEPT "$dir/http.log"
ok "$subject: our client is sent much" large_from_server
nothing_plain
