#!/bin/sh
# The first process of a tree with namespaces of its own: first.sh TREE FIFO, started by unshare.
# It mounts what a running system has, says "up" and stays, doing nothing.
set -eu
tree=$1
exec 3>"$2"
mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount -t tmpfs run "$tree/run"
mount -t tmpfs tmp "$tree/tmp"
ip link set lo up
# As init records it, in a struct utmp: RUN_LVL, N before and 2 now.
perl -e 'print pack "s x2 l a32 a4 a32 x308", 1, (ord("N") << 8) + ord("2"), "~", "~~",
    "runlevel"' >"$tree/run/utmp"
# Nobody reaps here what loses its parent, so that SIGCHLD has to be ignored, which dash cannot.
exec perl -e '
    $SIG{CHLD} = "IGNORE";
    chroot $ARGV[0] and chdir "/" or die "$ARGV[0]: $!\n";
    open my $fifo, ">&=3" or die "fifo: $!\n";
    print $fifo "up\n" and close $fifo or die "fifo: $!\n";
    exec "sleep", "infinity"' "$tree"
