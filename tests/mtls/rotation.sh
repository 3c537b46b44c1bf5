#!/bin/sh
# Identities that live for two seconds and a CA that is rotated, under load: no connection
# fails, and one that stands goes on.
set -u
. "$(dirname "$0")/common"
need redis-server redis-cli redis-benchmark perl python3

# Connections one after the other until the file is there; each says what it is told.
connects() {
    $RUN perl -MIO::Socket::INET -e '
        my ($port, $end) = @ARGV; my $n = 0;
        until (-e $end) {
            my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port)
                or die "connect $n: $!\n";
            print $s "PING\r\n"; my $line = <$s>;
            defined $line && $line eq "+PONG\r\n" or die "answer $n\n";
            $n++;
        }
        print "$n\n"' "$(port)" "$dir/end"
}
# One connection, asked again and again.
stands() {
    $RUN perl -MIO::Socket::INET -e '
        my ($port, $end) = @ARGV; my $n = 0;
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die "$!";
        until (-e $end) {
            print $s "INCR n\r\n"; my $line = <$s>;
            defined $line && $line eq ":" . ++$n . "\r\n" or die "answer $n\n";
            select undef, undef, undef, 0.01;
        }
        print "$n\n"' "$(port)" "$dir/end"
}
serials() { # how many certificates this host has made so far
    grep -c '"event":"identity-\(issued\|renewed\)"' "$tmp/decisions.log"
}
renewed() { [ "$(serials)" -ge $((made + ${1:-1})) ]; }
rotate() { "$pillion" identity rotate "$@" -s "$tmp/p.sock"; }

SETTINGS='identity_lifetime = 2s'
dir=$tmp/work
mkdir "$dir"
take_ports
start_secured
start_capture
later $RUN redis-server --port "$(port)" --save '' --dir "$dir"
ready $RUN redis-cli -p "$(port)" set key "$marker"
connects >"$tmp/connects" 2>&1 &
connecting=$!
stands >"$tmp/stands" 2>&1 &
standing=$!
jobs="$jobs $connecting $standing"
show="$tmp/connects $tmp/stands $tmp/policyd.err"
made=$(serials)
ready renewed 2
for step in prepare activate 'retire --force'; do
    # shellcheck disable=SC2086
    ok "$subject: rotate $step" rotate $step
    made=$(serials)
    ready renewed
done
: >"$dir/end"
wait "$connecting"
verdict $? "$subject: each of the connections was made"
wait "$standing"
verdict $? "$subject: the one that stood went on"
[ "$(wc -l <"$tmp/connects")" = 1 ] && [ "$(cat "$tmp/connects")" -gt 20 ]
verdict $? "$subject: there were many"
ok "$subject: nothing was refused" \
    sh -c "! grep handshake-refused '$tmp/decisions.log' | grep -v unreachable"
nothing_plain
