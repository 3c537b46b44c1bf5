#!/bin/sh
# Installs the Debian packages that building, checking, the bench and the demo need, and no more.
# Asks dpkg first: when nothing is missing, nothing is run. Installing needs root or sudo.
#
#   tests/deps.sh            installs what is missing
#   tests/deps.sh --list     only prints the names of all of them
#   tests/deps.sh packaging  the same for `make deb`, `make deb-lint` and `make check-deb`
#   tests/deps.sh building   the same for `make` alone
#   tests/deps.sh suites     the same for `make suites`: what tests/suites/*.suite say they need
set -eu

BUILDING='gcc make libc6-dev linux-libc-dev libconfuse-dev libevent-dev libjansson-dev
          libssl-dev libcap-dev libsystemd-dev gcc-multilib libc6-dev-i386'
CHECKING='libcmocka-dev liburing-dev binutils socat util-linux procps perl strace python3 tzdata
          openssl redis-server redis-tools nginx-light wrk curl wget memcached postgresql
          postgresql-client postgresql-contrib musl-tools libcap2-bin git openssh-server xinetd
          libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 libfaketime fakeroot
          openssl'
FUZZING='clang libclang-rt-14-dev'
PACKAGING='debhelper dpkg-dev lintian debootstrap shellcheck iproute2 systemd-container'

# Any of these serves as well as the first of its row.
alternatives() {
    case $1 in
    nginx-light) echo nginx-light nginx-core nginx-full nginx-extras nginx ;;
    postgresql-contrib) echo postgresql-contrib postgresql-15 postgresql ;;
    postgresql-client) echo postgresql-client postgresql-client-15 postgresql ;;
    *) echo "$1" ;;
    esac
}

installed() {
    for package in $(alternatives "$1"); do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
        installed) return 0 ;;
        esac
    done
    return 1
}

wanted="$BUILDING $CHECKING $FUZZING"
case ${1:-} in
building)
    wanted=$BUILDING
    shift
    ;;
packaging)
    wanted="$BUILDING libcmocka-dev $PACKAGING"
    shift
    ;;
suites)
    wanted="$BUILDING python3 $(sed -n 's/^packages *= *//p' "$(dirname "$0")"/suites/*.suite)"
    shift
    ;;
esac
if [ "${1:-}" = --list ]; then
    # shellcheck disable=SC2086
    printf '%s\n' $wanted
    exit 0
fi
missing=
for package in $wanted; do
    installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || { echo "deps: everything is installed"; exit 0; }
echo "deps: missing:$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "deps: installing needs root: apt-get install -y$missing" >&2
        exit 1
    }
    as_root=sudo
fi
# Servers that come with a package are used by the tests on ports of their own; none is started.
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -q --no-install-recommends $missing
