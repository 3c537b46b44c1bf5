#!/bin/sh
# A client under Pillion and servers that it must not talk to: each is refused for a reason of
# its own, which log and metric say, the program gets an error, and what it writes goes nowhere.
set -u
. "$(dirname "$0")/common"
need openssl perl python3
. tests/mtls/authority
IDENTITY=spiffe://mtls.test/peer

server() { # CERTIFICATE OPTIONS...
    cert=$1
    shift
    end_leg
    later openssl s_server -accept "127.0.0.1:$(port)" -cert "$pki/$cert.crt" \
        -key "$pki/$cert.key" -CAfile "$pki/pillion.pem" -Verify 2 -quiet "$@"
    ready listens
}
# Something that listens and is no TLS: what it hears of goes to a file.
plain_server() { # WORDS: says them to each, and closes; without, it says nothing
    end_leg
    later python3 -c '
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    s, _ = listener.accept()
    if len(sys.argv) > 3:
        s.sendall(sys.argv[3].encode())
        s.shutdown(socket.SHUT_WR)
    with open(sys.argv[2], "ab") as heard:
        while part := s.recv(4096):
            heard.write(part)
    s.close()' "$(port)" "$dir/heard" "$@"
    ready listens
}
# Asked without touching it: 0A is the state LISTEN.
listens() {
    awk -v port="$(printf '0100007F:%04X' "$(port)")" \
        '$2 == port && $4 == "0A" { found = 1 } END { exit !found }' /proc/net/tcp
}
client() { # ERRNO-NAME blocking|later: a program that connects, and writes whatever came of it
    $RUN python3 - "$(port)" "$marker" "$@" <<'PY'
import errno, select, socket, sys
port, marker, wanted, how = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3], sys.argv[4]
s = socket.socket()
s.setblocking(how == "blocking")
error = s.connect_ex(("127.0.0.1", port))
if error == errno.EINPROGRESS:
    poll = select.poll()
    poll.register(s, select.POLLOUT)
    poll.poll(20000)
    error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
try:
    s.sendall(marker)
    print("written")
except OSError as e:
    print("not written:", errno.errorcode[e.errno])
print(errno.errorcode.get(error, error))
sys.exit(errno.errorcode.get(error) != wanted)
PY
}
refuses() { # REASON ERRNO: both ways to connect
    for how in blocking later; do
        refused connect "$1" client "$2" $how
        grep -q '^exit code 0$' "$tmp/out" && ! grep -q '^written' "$tmp/out"
        verdict $? "$subject: $1, $2 for the program ($how)"
    done
}

SETTINGS="$SETTINGS
handshake_timeout = 1s"
certify two 'URI:spiffe://mtls.test/peer, URI:spiffe://mtls.test/other'
certify other 'URI:spiffe://mtls.test/other'
certify elsewhere 'URI:spiffe://other.test/peer'
from=20200101000000Z to=20200102000000Z certify expired 'URI:spiffe://mtls.test/peer'
authority stranger
signer=stranger certify foreign 'URI:spiffe://mtls.test/peer'

dir=$tmp/work
mkdir "$dir"
take_ports
start_secured
start_capture
learn_roots

server peer -rev
ok "$subject: a good one" sh -c "echo '$marker' | $RUN perl -MIO::Socket::INET -e '
    my \$s = IO::Socket::INET->new(PeerAddr => \"127.0.0.1\", PeerPort => $(port)) or die;
    print \$s <STDIN>; print scalar(<\$s>)' | grep -x '$(echo "$marker" | rev)'"
server foreign
refuses wrong-root ECONNREFUSED
server expired
refuses expired ECONNREFUSED
server two
refuses many-uris ECONNREFUSED
server other
refuses wrong-id EACCES
server elsewhere
refuses wrong-domain EACCES
server peer -tls1_2
refuses bad-version ECONNREFUSED
plain_server 'HTTP/1.1 400 Bad Request
'
refuses plaintext ECONNREFUSED
plain_server ''
refuses no-hello ECONNREFUSED
plain_server
refuses timeout ETIMEDOUT
! grep -aq "$marker" "$dir/heard"
verdict $? "$subject: a server without TLS heard nothing"
RECORDS=1 nothing_plain
