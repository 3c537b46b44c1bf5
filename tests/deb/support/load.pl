# A program that goes on through an upgrade: one connection that stays, and always new questions to
# policyd. Every address is asked about once, so that no cache answers for it: 127.1/16 is allowed,
# 127.2/16 is not. When the file that it is given appears it prints what became of them, and ends.
use strict;
use warnings;
use Errno;
use IO::Socket::INET;

my ($port, $up, $end) = @ARGV;
my ($round, %count) = (0);
my $standing = IO::Socket::INET->new("127.0.0.1:$port") or die "standing: $!\n";

sub try {
    my $net = shift;
    my $address = sprintf '127.%d.%d.%d:%d', $net, $round >> 8 & 255, $round & 255, $port;
    my $socket = IO::Socket::INET->new($address);
    return 'made' if $socket;
    for my $name (qw(EACCES ECONNREFUSED ETIMEDOUT)) {
        return $name if $!{$name};
    }
    return "$!";
}

while (!-e $end) {
    print $standing "PING\r\n" or last;
    my $answer = <$standing>;
    last unless defined $answer && $answer eq "+PONG\r\n";
    $count{'standing answered'}++;
    $count{'allowed ' . try(1)}++;
    $count{'denied ' . try(2)}++;
    $round++;
    if ($round == 20) {
        open my $file, '>', $up or die "$up: $!\n";
    }
    select undef, undef, undef, 0.002;
}
printf "standing %s\n", -e $end ? 'stood' : 'lost';
print "$_ $count{$_}\n" for sort keys %count;
