#!/bin/sh
# Connections that stand and would be denied by now are cut, idle ones and busy ones, and the
# log says why.
set -u
. "$(dirname "$0")/common"
need perl python3
users="$users nobody"

# Clients of another identity than the server. An idle one reads what never comes; a busy one
# has every line said back to it. Each writes "stands" when it does, and how it ended.
client() { # idle|busy NAME
    setpriv --reuid nobody --clear-groups $RUN perl -MIO::Socket::INET -e '
        my ($port, $busy) = @ARGV; $| = 1; $SIG{PIPE} = "IGNORE";
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die "$!";
        print $s "hello\n"; <$s>; print "stands\n";
        while ($busy) { print $s "more\n" or last; defined(<$s>) or last }
        <$s> unless $busy; print "ended\n"' "$(port)" "$([ "$1" = busy ] && echo 1 || echo 0)" \
        >"$tmp/$2" 2>&1 &
    jobs="$jobs $!"
    ready grep -q stands "$tmp/$2"
}
both() { # NAME
    client idle "$1-idle"
    client busy "$1-busy"
}
cuts() { grep -c '"event":"connection-cut"' "$tmp/decisions.log"; }
are_cut() { # NAME CAUSE: both, at both ends or at one
    ready grep -q ended "$tmp/$1-idle"
    verdict $? "$subject: $1, idle"
    ready grep -q ended "$tmp/$1-busy"
    verdict $? "$subject: $1, busy"
    grep '"event":"connection-cut"' "$tmp/decisions.log" | tail -2 | grep -c "\"cause\":\"$2\"" |
        grep -qx 2
    verdict $? "$subject: $1, in the log"
}
serial() {
    "$pillion" identity -s "$tmp/p.sock" --json |
        perl -MJSON::PP -0e 'for (@{decode_json(<>)->{identities}}) {
            print $_->{serial} if $_->{workload} eq "nobody" }'
}

dir=$tmp/work
mkdir "$dir"
take_ports
start_secured
start_capture
later $RUN python3 -c '
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            for line in self.rfile:
                self.wfile.write(line)
        except OSError:
            pass
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()' "$(port)"
ready grep -q "$(printf '0100007F:%04X' "$(port)")" /proc/net/tcp
show="$tmp/policyd.err $tmp/decisions.log"

both id
"$pillion" identity revoke spiffe://mtls.test/nobody -s "$tmp/p.sock" >"$tmp/out" 2>&1
are_cut id revoked
"$pillion" identity restore spiffe://mtls.test/nobody -s "$tmp/p.sock" >"$tmp/out" 2>&1
both serial
"$pillion" identity revoke "$(serial)" -s "$tmp/p.sock" >"$tmp/out" 2>&1
are_cut serial revoked
both policy
cat >>"$tmp/secured.conf" <<'EOT'
policy "later" { applies = {"*"}
    rule "closed" { effect = deny  actions = {accept}  when { peer = {"workload:nobody"} } } }
EOT
ok "$subject: another policy" "$pillion" reload -s "$tmp/p.sock"
are_cut policy policy
grep '"event":"connection-cut"' "$tmp/decisions.log" | tail -1 | grep -q '"rule":"closed"'
verdict $? "$subject: the log names the rule"
nothing_plain
