#!/bin/sh
# memcached with four threads, over TCP, UDP and a unix socket; perl is the client.
set -u
. "$(dirname "$0")/common"
need memcached perl

talk() { # PORT COMMANDS: answers until the server ends the connection
    $RUN perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die $!;
        print $s $ARGV[1], "quit\r\n";
        print while <$s>;' "$1" "$2" | tr -d '\r'
}

scenario() {
    port=$(free_port)
    user=
    [ "$(id -u)" != 0 ] || user='-u nobody'
    # shellcheck disable=SC2086
    later $RUN memcached -l 127.0.0.1 -p "$port" -U "$port" -t 4 $user
    ready perl -MIO::Socket::INET -e \
        'exit !IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => shift)' "$port"
    talk "$port" "$(printf 'set a 0 0 5\r\nhello\r\nget a\r\nincr none 1\r\n ')"
    for i in 1 2 3 4 5 6 7 8 9 10; do
        talk "$port" "$(printf 'set k%d 0 0 1\r\n%d\r\n ' "$i" $((i % 10)))"
    done
    talk "$port" "$(printf 'get k1 k5 k9\r\n ')"
    $RUN perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "127.0.0.1",
                                      PeerPort => $ARGV[0]) or die $!;
        $s->send("\0\1\0\0\0\1\0\0get a\r\n");
        $s->recv(my $got, 2000);
        print substr($got, 8);' "$port" | tr -d '\r'
}
compare_legs
