#!/bin/sh
# curl and a name of two addresses, one of them dead: the other one is reached, and curl says so in
# the same words. A dead address is a listener whose queue is full, so that nothing answers.
set -u
. "$(dirname "$0")/common"
need curl python3 perl

# Says its port, and then nothing: its queue is full and nobody takes from it. The kernel drops
# whoever comes, and a client goes on trying.
dead() { # ADDRESS
    exec perl -MSocket -MIO::Socket::IP -e '
        $| = 1;
        my ($address, $port) = @ARGV;
        my $s = IO::Socket::IP->new(LocalHost => $address, LocalPort => $port, Listen => 1) or die;
        listen $s, 0;
        my @full;
        for (1 .. 4) {
            my $c = IO::Socket::IP->new(PeerHost => $address, PeerPort => $s->sockport,
                                        Blocking => 0) or last;
            push @full, $c;
        }
        print $s->sockport, "\n";
        sleep 600' "$1" "$2"
}

# curl must have seen that it is dead for as long as it waits for an answer.
is_dead() {
    curl -s -o /dev/null --connect-timeout 0.3 "http://$1:$port/"
    [ $? = 28 ]
}

fetch() { # TEXT ADDRESSES OPTION...
    text=$1 addresses=$2
    shift 2
    $RUN curl -s -o "$dir/body" -w '%{http_code} %{remote_ip}\n' --connect-timeout 20 \
        --resolve "two.example:$port:$addresses" "$@" "http://two.example:$port/$text" \
        2>/dev/null
    echo "$text: status $?, $(cat "$dir/body" 2>/dev/null)"
    rm -f "$dir/body"
}

scenario() {
    port=$(free_port)
    later python3 tests/programs/web.py "$port"
    ready curl -sf "http://127.0.0.1:$port/"
    later dead ::1 "$port"
    ready is_dead '[::1]'
    fetch dead-first '[::1],127.0.0.1'
    fetch alive-first '127.0.0.1,[::1]'
    fetch only-4 '[::1],127.0.0.1' -4
    fetch parallel '[::1],127.0.0.1' -Z
    fetch refused-first '127.0.0.9,127.0.0.1'
    fetch soon '[::1],127.0.0.1' --happy-eyeballs-timeout-ms 20
    fetch nobody '127.0.0.9,127.0.0.10'
}
perl -MIO::Socket::IP -e 'exit !IO::Socket::IP->new(LocalHost => "::1", Listen => 1)' || {
    echo "ok - $subject # SKIP no IPv6 loopback here"
    exit 0
}
compare_legs
