#!/bin/sh
# also: 35
# Sockets that are there at start: xinetd gives a connection as descriptor 0, or the listener
# (wait = yes); systemd's way is LISTEN_FDS from descriptor 3 on.
set -u
. "$(dirname "$0")/common"
need xinetd perl

# Says where it stands, then answers a line: by descriptor 0, as inetd's servers do.
cat >"$tmp/answer" <<'PERL'
#!/usr/bin/perl
use Socket;
my ($port, $ip) = sockaddr_in(getpeername(STDIN) || die "no peer: $!");
my (undef, $own) = sockaddr_in(getsockname(STDIN));
my $line = <STDIN>;
$| = 1;
printf "from %s to %s: %s", inet_ntoa($ip), inet_ntoa($own), $line;
printf "descriptors: %s\n", join " ", map { -t $_ ? "t" : -S $_ ? "s" : "-" } *STDIN, *STDOUT;
PERL
# Takes the listener itself and serves two connections on it.
cat >"$tmp/serve" <<'PERL'
#!/usr/bin/perl
use Socket;
my $from = defined $ENV{LISTEN_FDS} ? 3 : 0;
open my $listener, "+<&=", $from or die "descriptor $from: $!";
for (1 .. 2) {
    accept(my $peer, $listener) or do { $_--; next if $!{ECONNABORTED}; die "accept: $!" };
    my $line = <$peer>;
    syswrite $peer, "served: $line";
    close $peer;
}
PERL
chmod 755 "$tmp/answer" "$tmp/serve"

say() { # PORT TEXT [ADDRESS]
    perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0],
                                      LocalAddr => $ARGV[2]) or die "connect: $!\n";
        print $s "$ARGV[1]\n"; shutdown $s, 1; my $any = 0;
        while (<$s>) { print; $any = 1 } print "nothing\n" unless $any;' \
        "$1" "$2" "${3:-127.0.0.1}" 2>&1
}

service() { # NAME PORT WAIT PROGRAM
    cat <<CONF
service $1
{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    bind = 127.0.0.1
    port = $2
    wait = $3
    user = $(id -un)
    server = $4
}
CONF
}

start_xinetd() {
    a=$(free_port) b=$(free_port)
    {
        service answer "$a" no "$tmp/answer"
        service serve "$b" yes "$tmp/serve"
    } >"$dir/xinetd.conf"
    # shellcheck disable=SC2086
    later $RUN xinetd -dontfork -f "$dir/xinetd.conf" -pidfile "$dir/pid" -filelog "$dir/log"
    ready grep -q 'Started working' "$dir/log"
}

scenario() {
    start_xinetd
    for text in one two three; do
        say "$a" "$text"
    done
    for text in one two three four; do
        say "$b" "$text"
    done
    end_leg
    command -v systemd-socket-activate >/dev/null || return 0
    c=$(free_port)
    # shellcheck disable=SC2086
    later $RUN systemd-socket-activate -l "127.0.0.1:$c" "$tmp/serve"
    ready grep -q Listening "$dir/job.log"
    say "$c" activated
    say "$c" again
}
compare_legs

# Whom the policy keeps out, the server behind the passed descriptor does not hear.
cat >"$tmp/deny.conf" <<CONF
schema = 1
default = allow
policy "in" {
    applies = {"*"}
    rule "three" { effect = deny  actions = {accept}  when { source = {"127.0.0.3/32"} } }
}
CONF
chmod 600 "$tmp/deny.conf"
dir=$tmp/deny RUN="$BUILD/pillion run --solo $tmp/deny.conf --"
mkdir -m 777 "$dir"
start_xinetd
for port in $a $b; do
    kept=$(say "$port" kept 127.0.0.3)
    let_in=$(say "$port" let-in 127.0.0.1 | head -1)
    case $kept/$let_in in
    nothing/*let-in) echo "ok - $subject: who is kept out is not heard, others are" ;;
    *) echo "not ok - $subject: who is kept out is not heard"; echo "# $kept / $let_in" ;;
    esac
done
