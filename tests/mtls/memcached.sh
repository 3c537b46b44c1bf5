#!/bin/sh
# memcached: threads that share its connections, and values larger than a record.
set -u
. "$(dirname "$0")/common"
need memcached perl python3

scenario() {
    later $RUN memcached -u root -l 127.0.0.1 -p "$(port)" -U 0 -t 4
    ready $RUN perl -MIO::Socket::INET -e \
        'IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or exit 1' "$(port)"
    $RUN perl -MIO::Socket::INET -e '
        my ($port, $marker) = @ARGV;
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die "$!";
        sub ask { print $s $_[0]; my $line = <$s>; $line =~ s/\r\n//; print "$line\n" }
        ask("set small 0 0 " . length($marker) . "\r\n$marker\r\n");
        ask("get small\r\n"); print scalar(<$s>), scalar(<$s>);
        my $large = $marker x 40000;
        ask("set large 0 0 " . length($large) . "\r\n$large\r\n");
        ask("get large\r\n");
        read($s, my $back, length($large));
        print $back eq $large ? "whole\n" : "other\n"; <$s>; <$s>;
        print $s "set n 0 0 1\r\n0\r\n", "incr n 1\r\n" x 500, "get n\r\n";
        my @all = map { scalar <$s> } 1 .. 504; print $all[-2];
        print $s "quit\r\n"; print defined(<$s>) ? "more\n" : "end\n"' "$(port)" "$marker"
    $RUN perl -MIO::Socket::INET -e '
        my @s = map {
            IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) } 1 .. 40;
        print $_ "get small\r\n" for @s;
        my %seen; for my $s (@s) { <$s>; my $v = <$s>; $seen{$v}++; }
        print "$seen{$_} times $_" for keys %seen' "$(port)"
}
compare_secured
