#!/bin/sh
# perl: forking server, name look-up, select loop, system and exec.
set -u
. "$(dirname "$0")/common"
need perl

scenario() {
    $RUN perl -MIO::Socket::INET -MIO::Select -MSocket -e '
        $| = 1;
        my $server = IO::Socket::INET->new(Listen => 64, LocalAddr => "127.0.0.1") or die $!;
        my $port = $server->sockport;
        my $pid = fork;
        if (!$pid) {
            while (my $c = $server->accept) {
                last if <$c> =~ /end/;
                next if fork;
                print $c "served\n";
                exit;
            }
            exit;
        }
        my $good = 0;
        for (1 .. 30) {
            my $c = IO::Socket::INET->new("localhost:$port") or die $!;
            print $c "go\n";
            $good += IO::Select->new($c)->can_read(10) && <$c> eq "served\n";
        }
        print "good $good\n";
        print { IO::Socket::INET->new("127.0.0.1:$port") } "end\n";
        waitpid $pid, 0;
        print inet_ntoa(scalar gethostbyname("localhost")), "\n";
        print defined gethostbyname("nobody.invalid") ? "found\n" : "not found\n";
        print IO::Socket::INET->new("127.0.0.1:1") ? "connected\n" : "$!\n";
        system "echo", "child";
        exec "/bin/echo", "replaced";'
}
compare_legs
