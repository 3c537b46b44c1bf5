#!/bin/sh
# A server under Pillion and clients that it must not see: each is refused for a reason of its
# own, which log and metric say, and the server never hears of it.
set -u
. "$(dirname "$0")/common"
need openssl perl python3
. tests/mtls/authority

shows() { # CERTIFICATE OPTIONS...
    cert=$1
    shift
    openssl s_client -connect "127.0.0.1:$(port)" -cert "$pki/$cert.crt" -key "$pki/$cert.key" \
        -CAfile "$pki/pillion.pem" -brief "$@"
}
says() { # BYTES, as perl writes them: then nothing more, and waits for the end
    perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die "$!";
        syswrite $s, eval "qq($ARGV[1])"; shutdown $s, 1; 1 while sysread $s, my $got, 4096' \
        "$(port)" "$1"
}
stays_silent() {
    perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die "$!";
        1 while sysread $s, my $got, 4096' "$(port)"
}
# A server that writes what it hears of, in turn.
serve() {
    later $RUN python3 -c '
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    s, _ = listener.accept()
    with open(sys.argv[2], "ab") as heard:
        heard.write(b"accepted\n")
        while part := s.recv(4096):
            heard.write(part)
    s.close()' "$(port)" "$dir/heard"
}
# What a client sent in a good handshake, again.
replay() {
    python3 - "$(port)" "$pki" <<'PY'
import socket, subprocess, sys, threading
port, pki = int(sys.argv[1]), sys.argv[2]
between = socket.create_server(("127.0.0.1", 0))
client = subprocess.Popen(
    ["openssl", "s_client", "-connect", f"127.0.0.1:{between.getsockname()[1]}", "-cert",
     f"{pki}/peer.crt", "-key", f"{pki}/peer.key", "-CAfile", f"{pki}/pillion.pem", "-quiet",
     "-no_ign_eof"],
    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
near, _ = between.accept()
far = socket.create_connection(("127.0.0.1", port))
sent = []

def pump(a, b, keep):
    while part := a.recv(65536):
        keep.append(part)
        b.sendall(part)
    b.shutdown(socket.SHUT_WR)

threads = [threading.Thread(target=pump, args=(near, far, sent)),
           threading.Thread(target=pump, args=(far, near, []))]
for thread in threads:
    thread.start()
client.communicate(b"first\n")
for thread in threads:
    thread.join()
again = socket.create_connection(("127.0.0.1", port))
again.sendall(b"".join(sent))
try:
    while again.recv(4096):
        pass
except ConnectionResetError:
    pass
PY
}
good() { echo last | shows peer -nocommands; }

SETTINGS="$SETTINGS
handshake_timeout = 1s"
certify two 'URI:spiffe://mtls.test/peer, URI:spiffe://mtls.test/other'
certify none 'DNS:localhost'
certify elsewhere 'URI:spiffe://other.test/peer'
certify revoked 'URI:spiffe://mtls.test/revoked'
from=20200101000000Z to=20200102000000Z certify expired 'URI:spiffe://mtls.test/peer'
from=20500101000000Z to=20500102000000Z certify early 'URI:spiffe://mtls.test/peer'
usage=digitalSignature certify usage 'URI:spiffe://mtls.test/peer'
constraints=CA:TRUE usage='critical, digitalSignature, keyCertSign' certify ca \
    'URI:spiffe://mtls.test/peer'
signer=peer certify below 'URI:spiffe://mtls.test/peer'
authority stranger
signer=stranger certify foreign 'URI:spiffe://mtls.test/peer'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=self \
    -addext 'subjectAltName = URI:spiffe://mtls.test/peer' -keyout "$pki/self.key" \
    -out "$pki/self.crt" 2>/dev/null

dir=$tmp/work
mkdir "$dir"
take_ports
start_secured
start_capture
learn_roots
serve
ready shows peer </dev/null
ready grep -qx accepted "$dir/heard"
"$pillion" identity revoke spiffe://mtls.test/revoked -s "$tmp/p.sock" >/dev/null

refused accept wrong-root shows foreign
refused accept self-signed shows self
refused accept expired shows expired
refused accept not-yet-valid shows early
refused accept many-uris shows two
refused accept no-uri shows none
refused accept bad-svid shows usage
refused accept bad-svid shows ca
refused accept bad-chain shows below -cert_chain "$pki/peer.crt"
refused accept wrong-domain shows elsewhere
refused accept revoked shows revoked
refused accept no-certificate \
    openssl s_client -connect "127.0.0.1:$(port)" -CAfile "$pki/pillion.pem" -brief
refused accept bad-version shows peer -tls1_2
refused accept bad-cipher shows peer -ciphersuites TLS_AES_128_CCM_SHA256
refused accept plaintext says 'GET / HTTP/1.0\r\n\r\n'
refused accept no-hello says ''
refused accept truncated says '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'
refused accept malformed says '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00'
refused accept timeout stays_silent
refused accept forged replay

# The server heard of the probe, of the first of the two that were the same, and of this last one.
good >"$tmp/out" 2>&1
ready grep -qx last "$dir/heard"
printf 'accepted\naccepted\nfirst\naccepted\nlast\n' | diff - "$dir/heard" >"$tmp/out" 2>&1
verdict $? "$subject: the server heard of those alone that were good"
nothing_plain
