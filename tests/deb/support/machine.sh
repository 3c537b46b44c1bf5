# shellcheck shell=sh
# To be read by the tests of the packages: a clean Debian tree with namespaces of its own, in which
# packages are installed from files, and a picture of it to compare.
#
#   machine_make [PACKAGE...]   a tree with these packages, running
#   inside COMMAND...           runs it there, as root
#   fetch DEB...                lets apt have what these packages need; the tree itself is offline
#   apt, install_all FOLDER     apt-get there, with what lies in that folder of the tree
#   says, fails WORD COMMAND... it ends well, or badly, and says the word
#   gone PID                    no such process there
#   picture                     every file with owner, mode and content, one a line
#
# Its records say that it is in runlevel 2, as init has them say it.
# The tree has no network but loopback, and its own processes: whatever starts there ends with it.
BUILD=${BUILD:-build}
CACHE=${CACHE:-$(pwd)/build/cache}
DEBS=$BUILD/deb NEXT=$BUILD/deb-next
dir=$(mktemp -d) || exit 1
tree=$dir/tree
holder=''
first=''
number=0

finish() {
    # The first process takes the others with it, and they the mounts. unshare only waits for it.
    [ -z "$first" ] || kill -9 "$first" 2>/dev/null
    [ -z "$holder" ] || wait "$holder" 2>/dev/null
    rm -rf --one-file-system "$dir"
}
trap finish EXIT

ok() {
    name=$1
    shift
    number=$((number + 1))
    if "$@" >"$dir/out" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        tail -40 "$dir/out" | sed 's/^/# /'
    fi
}

give_up() {
    echo "not ok - $*"
    exit 1
}

# Everything at once where it cannot be done: the reason is the test's only line.
need() {
    [ "$(id -u)" = 0 ] || { echo "ok - # SKIP only root can make another tree"; exit 0; }
    for tool in debootstrap nsenter unshare ip; do
        command -v "$tool" >/dev/null || {
            echo "ok - # SKIP $tool is not installed (tests/deps.sh packaging)"
            exit 0
        }
    done
    for folder in "$DEBS" "$NEXT"; do
        ls "$folder"/*.changes >/dev/null 2>&1 || give_up "no packages in $folder: make check-deb"
    done
}

machine_make() {
    need
    sh tests/systemd/tree.sh "$tree" "$@" || give_up "no tree"
    mkfifo "$dir/up"
    unshare --mount --pid --net --ipc --uts --fork --kill-child \
        sh tests/deb/support/first.sh "$tree" "$dir/up" >"$dir/holder" 2>&1 &
    holder=$!
    read -r said <"$dir/up"
    first=$(cat "/proc/$holder/task/$holder/children")
    first=${first% }
    # What is run inside must never be run outside.
    # shellcheck disable=SC3013
    if [ "$said" != up ] || ! [ "/proc/$first/root/" -ef "$tree" ]; then
        give_up "no namespaces: $(cat "$dir/holder")"
    fi
}

inside() {
    nsenter --target "$first" --mount --pid --net --ipc --uts --root --wd env -i \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# What the archive gives is kept beside the trees, so that it is asked once.
fetch() {
    mkdir -p "$CACHE/archives" "$tree/debs"
    cp "$DEBS"/*.deb "$tree/debs"
    mkdir -p "$tree/debs/next"
    cp "$NEXT"/*.deb "$tree/debs/next"
    rm -f "$tree"/debs/*-dbgsym_* "$tree"/debs/next/*-dbgsym_*
    cp "$CACHE"/archives/*.deb "$tree/var/cache/apt/archives" 2>/dev/null
    chroot "$tree" sh -c \
        'apt-get -qy --no-install-recommends --download-only install /debs/*.deb' || return 1
    cp -u "$tree"/var/cache/apt/archives/*.deb "$CACHE/archives"
}

apt() {
    inside apt-get -qy "$@"
}

says() {
    wanted=$1
    shift
    "$@" >"$dir/said" 2>&1 || { cat "$dir/said"; return 1; }
    cat "$dir/said"
    grep -q "$wanted" "$dir/said"
}

fails() {
    wanted=$1
    shift
    ! says "" "$@" && grep -q "$wanted" "$dir/said"
}

gone() {
    # shellcheck disable=SC2016
    ! inside sh -c 'kill -0 "$1"' sh "$1"
}

install_all() {
    # shellcheck disable=SC2016
    inside sh -c 'apt-get -qy --no-install-recommends install "$1"/*.deb' sh "$1"
}

eventually() {
    tries=0
    until "$@" >"$dir/tried" 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || { cat "$dir/tried"; return 1; }
        sleep 0.05
    done
}

# Left out is what changes whenever any package comes and goes.
listed() {
    find . -xdev \( -path ./debs -o -path ./var/cache/apt -o -path ./var/lib/apt -o -path ./proc \
        -o -path ./run -o -path ./tmp -o -path ./dev -o -path ./sys -o -path ./var/log/apt \) \
        -prune -o ! -path './var/log/*.log' ! -path './var/lib/dpkg/[!i]*' ! -path './etc/*-' \
        ! -path './etc/init.d/.depend.*' ! -path ./var/cache/ldconfig/aux-cache "$@"
}

picture() {
    (
        cd "$tree" && listed -printf '%p %M %U:%G %l\n' && listed -type f -print0 |
            xargs -0 sha256sum | sed 's/^\([^ ]*\)  \(.*\)/\2 \1/'
    ) | LC_ALL=C sort
}

same() {
    diff "$1" "$2"
}
