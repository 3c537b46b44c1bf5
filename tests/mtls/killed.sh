#!/bin/sh
# policyd is killed while connections are made: what stands goes on, what is being made fails, and
# nothing is ever in the clear.
set -u
. "$(dirname "$0")/common"
need perl python3

# Connections without an end, many at a time; each either fails or is answered. It ends with 1
# when one of them got something else.
storm() {
    $RUN python3 - "$(port)" "$marker" "$dir/end" <<'PY'
import os, socket, sys, threading
port, marker, end = int(sys.argv[1]), sys.argv[2].encode() + b"\n", sys.argv[3]
count, wrong = {"answered": 0, "failed": 0}, []

def one():
    while not os.path.exists(end):
        try:
            with socket.create_connection(("127.0.0.1", port), 20) as s:
                s.sendall(marker)
                got = s.makefile("rb").readline()
            if got not in (b"", marker):
                wrong.append(got)
            kind = "answered" if got == marker else "failed"
        except OSError:
            kind = "failed"
        count[kind] += 1
        with open(end + "-" + kind, "a") as said:
            said.write("x")

threads = [threading.Thread(target=one) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(count, wrong)
sys.exit(bool(wrong))
PY
}
more() { # answered|failed: since the last look
    [ "$(wc -c 2>/dev/null <"$dir/end-$1" || echo 0)" -gt "$((had + ${2:-0}))" ]
}
look() { had=$(wc -c 2>/dev/null <"$dir/end-$1" || echo 0); }

stands() {
    $RUN perl -MIO::Socket::INET -e '
        my ($port, $end) = @ARGV; my $n = 0;
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die "$!";
        until (-e $end) {
            print $s "line $n\n"; my $line = <$s>;
            defined $line && $line eq "line $n\n" or die "answer $n\n"; $n++;
            select undef, undef, undef, 0.01;
        }
        print "ok\n"' "$(port)" "$dir/end"
}

dir=$tmp/work
mkdir "$dir"
take_ports
start_secured
policyd_pid=${jobs##* }
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
    request_queue_size = 64
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()' "$(port)"
ready grep -q "$(printf '0100007F:%04X' "$(port)")" /proc/net/tcp
show="$tmp/storm $tmp/stands $tmp/policyd.err"
storm >"$tmp/storm" 2>&1 &
storming=$!
stands >"$tmp/stands" 2>&1 &
standing=$!
jobs="$jobs $storming $standing"
look answered
ready more answered 50
look failed
kill -9 "$policyd_pid"
ready more failed 20
verdict $? "$subject: connections fail without policyd"
: >"$dir/end"
wait "$storming"
verdict $? "$subject: none got what it should not"
wait "$standing"
verdict $? "$subject: one that stood went on"
nothing_plain
