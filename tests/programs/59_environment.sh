#!/bin/sh
# Whoever sets a program's environment cannot choose who governs it, or that nobody does. On a host
# of its own (namespaces), with a policyd of root's at the usual place that denies 127.0.0.2, beside
# it a policyd of the user's own and another one of root's, both of which allow everything.
set -u
. "$(dirname "$0")/common"
need unshare setpriv ip perl gcc
if [ "$(id -u)" != 0 ]; then
    echo "ok - $subject # SKIP needs root to make a host of its own"
    exit 0
fi
if [ -z "${IN_A_HOST_OF_ITS_OWN:-}" ]; then
    IN_A_HOST_OF_ITS_OWN=1 unshare --mount --net -- "$0"
    exit
fi

trap 'end_leg; umount -l /etc "$tmp/etc"; rm -rf "$tmp"' EXIT
# A copy of /etc, so that the settings of this policyd are there and nobody else sees them.
mkdir "$tmp/etc" && mount -t tmpfs none "$tmp/etc" && cp -a /etc/. "$tmp/etc" &&
    mount --bind "$tmp/etc" /etc && mount -t tmpfs none /run && ip link set lo up || {
    echo "ok - $subject # SKIP namespaces cannot be set up here"
    exit 0
}
rm -rf /etc/pillion && mkdir -p /etc/pillion/policy.d /run/pillion "$tmp/evil" || exit 1
cp tests/victims/deny.conf /etc/pillion/policy.d/ && chmod -R u=rwX,go=rX /etc/pillion || exit 1
printf 'user = ""\nlog = "%s/log"\n' "$tmp" >/etc/pillion/policyd.conf
install -d -o nobody -m 755 "$tmp/own"
echo 'int libpillion_of_nobody;' | gcc -xc -shared -fPIC -o "$tmp/evil/libpillion.so" - || exit 1

as_nobody="setpriv --reuid nobody --regid nogroup --clear-groups env -i PATH=$PATH"
nobody() { # COMMAND...: as a user without rights, with no variable but what is given
    $as_nobody "$@"
}

dir=$tmp
later "$BUILD/policyd" --foreground
: >"$tmp/none.conf"
later "$BUILD/policyd" --foreground --config "$tmp/none.conf" --socket "$tmp/lax.sock" \
    --abstract @lax --policy "$allow" --log "$tmp/lax.log"
later $as_nobody "$BUILD/policyd" --foreground --config "$tmp/none.conf" --abstract @own \
    --socket "$tmp/own/own.sock" --policy "$allow" --log "$tmp/own/log"
for socket in /run/pillion/policyd.sock "$tmp/lax.sock"; do
    ready "$BUILD/pillion" status --socket "$socket" ||
        { echo "not ok - $subject: policyd starts at $socket"; cat "$dir/job.log"; exit 1; }
done
ready nobody "$BUILD/pillion" status --socket @own || exit 1

port=$(free_port)
later perl -MIO::Socket::INET -e '
    my $server = IO::Socket::INET->new(Listen => 64, LocalAddr => "0.0.0.0", LocalPort => $ARGV[0],
        ReuseAddr => 1) or die;
    while (my $peer = $server->accept) { print $peer "here\n"; close $peer }' "$port"
cat >"$tmp/dial" <<'END'
use IO::Socket::INET;
my $peer = IO::Socket::INET->new(PeerAddr => "$ARGV[0]:$ARGV[1]");
print $peer ? readline $peer : "$!\n";
END
ready sh -c "perl '$tmp/dial' 127.0.0.1 $port | grep -qx here"

# gives TEXT WANT COMMAND...: what the command says last
gives() {
    text=$1 want=$2
    shift 2
    "$@" >"$tmp/said" 2>&1
    if grep -qF -- "$want" "$tmp/said" && ! { [ "$want" != here ] && grep -qx here "$tmp/said"; }
    then
        echo "ok - $subject: $text"
    else
        echo "not ok - $subject: $text"
        sed 's/^/# /' "$tmp/said" | tail -5
    fi
}
dial="perl $tmp/dial 127.0.0.2 $port" near="perl $tmp/dial 127.0.0.1 $port"
no="Permission denied" pillion=$BUILD/pillion library=$BUILD/libpillion.so

# What is to be shown: the policy of the host holds, and the other ones would let through.
gives "the user reaches what is allowed" here nobody "$pillion" run -- $near
gives "the user does not reach what is denied" "$no" nobody "$pillion" run -- $dial
gives "root may choose another policyd" here env PILLION_SOCKET=@lax "$pillion" run -- $dial
gives "without Pillion it is there" here nobody $dial

gives "a policyd of one's own is refused by run" "only root may choose another one" \
    nobody PILLION_SOCKET="$tmp/own/own.sock" "$pillion" run -- $dial
gives "and as an option" "only root may choose another one" \
    nobody "$pillion" run --socket @own -- $dial
gives "and started for it" "only root may choose another one" \
    nobody "$pillion" run --solo "$allow" -- $dial
gives "another one of root's is refused, too" "only root may choose another one" \
    nobody PILLION_SOCKET=@lax "$pillion" run -- $dial
gives "root is not led to a user's policyd" "opened by uid" \
    env PILLION_SOCKET=@own "$pillion" run -- $dial
gives "not by the library either" "$no" \
    env LD_PRELOAD="$library" PILLION_SOCKET=@own $dial
gives "a library of our name does not take our place" "$no" \
    nobody LD_PRELOAD="$tmp/evil/libpillion.so" "$pillion" run -- $dial

# A program that is started without `pillion run`, but with the library, as a child would be.
for socket in "$tmp/own/own.sock" "$tmp/lax.sock" @own @lax "" nonsense ./own.sock /nowhere; do
    gives "PILLION_SOCKET=$socket does not turn it off" "$no" \
        nobody LD_PRELOAD="$library" PILLION_SOCKET="$socket" $dial
done

# A program under Pillion that starts another one with an environment of its choice.
for way in "-i" "-u LD_PRELOAD" "LD_PRELOAD=" "LD_PRELOAD=$tmp/evil/libpillion.so" \
    "-u PILLION_SOCKET" "PILLION_SOCKET=@own" "PILLION_SOCKET=@lax" "PILLION_SOCKET=/nowhere" \
    "LD_PRELOAD=$tmp/evil/libpillion.so PILLION_SOCKET=@lax" "PILLION_CONFINED=ffffffff" \
    "PILLION_CONFINED=" "PILLION_CONFINED=nonsense"; do
    # shellcheck disable=SC2086
    gives "a child with $way is governed" "$no" \
        nobody "$pillion" run -- env $way $dial
done
gives "a shell that changes it is governed" "$no" nobody "$pillion" run -- \
    sh -c "unset LD_PRELOAD; PILLION_SOCKET=@own; export PILLION_SOCKET; $dial"
gives "a program under it brings no policyd of its own" "with the same policyd" \
    "$pillion" run -- "$pillion" run --solo "$allow" -- $dial

# And when the host's policyd is away.
for pid in $jobs_of_leg; do
    [ "$(readlink "/proc/$pid/exe")" = "$BUILD/policyd" ] && kill "$pid" && break
done
ready sh -c "! '$pillion' status --socket /run/pillion/policyd.sock"
for socket in "$tmp/own/own.sock" @own @lax; do
    gives "PILLION_SOCKET=$socket does not replace a policyd that is away" "$no" \
        nobody LD_PRELOAD="$library" PILLION_SOCKET="$socket" $dial
done
