#!/bin/sh
# Real programs while policyd is stopped, slow, refusing, silent or gone: each call fails in time
# with an error that its program knows, and nothing arrives where it was not decided.
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath "${BUILD:-build}") || exit 1
[ -x "$BUILD/policyd" ] && [ -x "$BUILD/pillion" ] && [ -f "$BUILD/libpillion.so" ] ||
    { echo "not ok - pillion, policyd and libpillion.so are built in $BUILD"; exit 1; }
for program in perl curl redis-cli socat; do
    command -v $program >/dev/null || { echo "ok - clients # SKIP $program is missing"; exit 0; }
done
. tests/victims/common
export LC_ALL=C

# Whoever arrives here is counted, and so is each byte: "connections bytes" for a line that is read.
start_program perl -MIO::Socket::INET -MIO::Select -e '
    $| = 1;
    my $s = IO::Socket::INET->new(Listen => 64, LocalAddr => "127.0.0.1") or die $!;
    my ($connections, $bytes, @open) = (0, 0);
    print $s->sockport, "\n";
    $s->blocking(0);
    while (<STDIN>) {
        while (my $c = $s->accept) { $connections++; $c->blocking(0); push @open, $c }
        for my $c (@open) { while (sysread $c, my $b, 4096) { $bytes += length $b } }
        print "$connections $bytes\n";
    }'
read -r port <&9
arrived() { ask count; }
nothing=$(arrived)

# Without the command in between, which would refuse to start under a false policyd.
bare() {
    env LD_PRELOAD="$BUILD/libpillion.so" PILLION_SOCKET="$socket" timeout 20 "$@" </dev/null
}

# fails TEXT PATTERN COMMAND...: ends by itself, without success, and says what it would say of a
# connection that was refused by its own system.
fails() {
    text=$1 pattern=$2
    shift 2
    bare "$@" >"$tmp/said" 2>&1
    code=$?
    if [ $code -ne 0 ] && [ $code -ne 124 ] && grep -qiE "$pattern" "$tmp/said" &&
        [ "$(arrived)" = "$nothing" ]; then
        echo "ok - $text"
    else
        echo "not ok - $text"
        { echo "status $code, arrived $(arrived)"; cat "$tmp/said"; } | sed 's/^/# /'
    fi
}

all_fail() { # WHAT
    fails "$1: curl" "Couldn't connect|Failed to connect" curl -sS -m 15 "http://127.0.0.1:$port/"
    fails "$1: by name" 'Non-recoverable failure in name resolution' \
        socat -u OPEN:/etc/hostname "TCP4:localhost:$port"
    fails "$1: redis-cli" 'Could not connect.*Permission denied' redis-cli -p "$port" ping
    fails "$1: socat" 'Permission denied' socat -u OPEN:/etc/passwd "TCP:127.0.0.1:$port"
    fails "$1: datagrams" 'Permission denied' socat -u OPEN:/etc/hostname "UDP:127.0.0.1:$port"
    fails "$1: Fast Open" 'Permission denied' perl -MSocket -e '
        socket my $s, AF_INET, SOCK_STREAM, 0 or die $!;
        defined send $s, "early", 0x20000000, sockaddr_in($ARGV[0], INADDR_LOOPBACK) or die $!' \
        "$port"
    fails "$1: listening" 'Permission denied' \
        perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Listen => 1) or die $!'
}

cp tests/victims/allow.conf "$tmp/policy.conf"
chmod 600 "$tmp/policy.conf"
start_policyd "$tmp/policy.conf" || { echo "not ok - policyd starts"; exit 1; }
bare socat -u OPEN:/etc/hostname "TCP:127.0.0.1:$port"
check "with policyd the bytes arrive" test "$(arrived)" = "1 $(wc -c </etc/hostname)"
nothing=$(arrived)

# A server that listened in good times: what comes in bad ones is gone before it sees a byte.
mkfifo "$tmp/served"
bare perl -MIO::Socket::INET -e '
    $| = 1;
    my $s = IO::Socket::INET->new(Listen => 64, LocalAddr => "127.0.0.1") or die $!;
    print $s->sockport, "\n";
    for (;;) {
        my $c = $s->accept;
        print $c ? "served\n" : "$!\n";
        print $c "secret" if $c;
        last if $c;
    }' >"$tmp/served" &
server_pid=$!
exec 7<"$tmp/served"
read -r server <&7
kill -STOP "$policyd_pid"
all_fail "stopped"
got=$(timeout 20 socat -u "TCP:127.0.0.1:$server" - 2>/dev/null)
read -r line <&7
check "stopped: accept refuses, and the client gets nothing" \
    test "$got,$line" = ",Software caused connection abort"
kill -CONT "$policyd_pid"
is_served() {
    [ "$(timeout 20 socat -u "TCP:127.0.0.1:$server" - 2>/dev/null)" = secret ]
}
check "continued: the next ones are served" wait_for is_served
exec 7<&-
wait "$server_pid"
stop_policyd KILL
all_fail "killed"
rm -f "$socket"

# A false policyd: says what it is told to everybody, a frame for each that it reads.
false_policyd() { # WHAT
    perl -MSocket -e '
        my ($path, $what) = @ARGV;
        socket my $s, AF_UNIX, SOCK_SEQPACKET, 0 or die $!;
        bind $s, sockaddr_un($path) or die $!;
        listen $s, 64;
        my @silent;
        while (accept my $c, $s) {
            if ($what eq "silent") { push @silent, $c; next }
            next if fork;
            while (sysread $c, my $frame, 65536) {
                my $sequence = unpack "x12 V", $frame;
                # A welcome that says FULL; or one of the right form, without its descriptors.
                my $body = pack "V V V v", $what eq "refusing" ? 1 : 0, 0, 0, 0;
                sysleep(3) if $what eq "slow";
                syswrite $c, pack("V C C v V V", 0x4e4c4950, 1, 0, 2, 16 + length $body, $sequence)
                    . $body;
            }
            exit;
        }
        sub sysleep { select undef, undef, undef, shift }' "$socket" "$1" 2>"$tmp/false.err" &
    fake_pid=$!
    check "a false policyd, $1" wait_for test -S "$socket"
    all_fail "$1"
    kill "$fake_pid"
    wait "$fake_pid" 2>/dev/null
    fake_pid=
    rm -f "$socket"
}
false_policyd silent
false_policyd slow
false_policyd refusing
false_policyd pretending
check "in all that nothing arrived" test "$(arrived)" = "$nothing"
