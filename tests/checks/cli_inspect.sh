#!/bin/sh
# pillion inspect on running processes and on units. Programs are tests/programs/02_inspect.sh.
set -u
. "$(dirname "$0")/../common"
inspect() { # CODE ARGUMENT...
    code=$1
    shift
    try "$code" "$pillion" inspect "$@"
}

printf 'schema = 1\ndefault = allow\n' >"$tmp/solo.conf"
chmod 644 "$tmp/solo.conf"

# ---- a process under Pillion ---------------------------------------------------------------------

cat >"$tmp/server.py" <<END
import os, socket, sys
keep = socket.socket(), socket.socket(socket.AF_UNIX), socket.socketpair(), socket.socket()
keep[0].bind(("127.0.0.1", 0))
keep[0].listen()
client = socket.create_connection(keep[0].getsockname())
accepted, _ = keep[0].accept()
keep[1].bind("$tmp/unix")
keep[1].listen()
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.sendto(b"x", ("127.0.0.1", 9))
print(os.getpid(), os.environ.get("PILLION_SOCKET"), *[s.fileno() for s in
      (keep[0], client, accepted, keep[1], datagram, keep[3], keep[2][0])], flush=True)
sys.stdin.readline()
END
begin() { # COMMAND...: leaves the words that the server prints in \$line, its stdin is 8
    rm -f "$tmp/go" "$tmp/words" "$tmp/unix"
    mkfifo "$tmp/go" "$tmp/words"
    "$@" <"$tmp/go" >"$tmp/words" 2>"$tmp/server.err" &
    jobs="$jobs $!"
    exec 8>"$tmp/go" 9<"$tmp/words"
    read -r line <&9
}
finish() {
    echo >&8
    exec 8>&- 9<&-
    wait
}
governed() { # FD WORD
    grep -Eq "^$1 +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +$2: " "$tmp/out"
}
begin "$pillion" run --solo "$tmp/solo.conf" -- python3 "$tmp/server.py"
set -- $line
pid=$1
inspect 0 --socket "$2" "$pid" && out '^verdict    covered' && out '^attached   yes' &&
    out "^library    $BUILD/libpillion.so" && ! out '^limited'
verdict $? "a process under Pillion is covered, and attached"
awk '$5 ~ /_socket/ { hooked = $1; past = $3 } END { exit !(hooked > 5 && past == 0) }' "$tmp/out"
verdict $? "the module that makes its connections is bound to the hooks"
governed "$3" listen && governed "$4" connect && governed "$5" accept && governed "$6" listen &&
    governed "$7" send && governed "$8" unused && governed "$9" unnamed
verdict $? "each of its sockets with what decides on it"
grep -Eq '^[0-9]+ +unix-seqpacket +connected +- +@pillion/[^ ]+ +link: ' "$tmp/out"
verdict $? "the link to policyd is known as ours"
inspect 0 --json --socket "$2" "$pid" && python3 - "$tmp/out" "$pid" "$3" <<'END'
import json, sys
it = json.load(open(sys.argv[1]))
assert it["kind"] == "process" and it["verdict"] == "covered" and it["findings"] == [], it
assert it["process"]["pid"] == int(sys.argv[2]) and it["process"]["attached"] is True
assert it["process"]["policyd"]["state"] == "attached"
assert [s["governed"] for s in it["sockets"] if s["fd"] == int(sys.argv[3])] == ["listen"]
END
verdict $? "the same as JSON"
inspect 0 --socket "$tmp/nobody" "$pid" && out '^note       policyd-unknown: ' &&
    out '^attached   not known'
verdict $? "without policyd it is not known whether it is attached"
finish

# ---- processes that are not ----------------------------------------------------------------------

inspect 126 --socket "$tmp/nobody" $$ && out '^refused    not-loaded: '
verdict $? "a process without the library"
"$policyd" -f -c "$patient" -p "$tmp/solo.conf" -s "$tmp/sock" -l "$tmp/log" \
    >"$tmp/policyd.err" 2>&1 &
daemon=$!
jobs="$jobs $daemon"
until "$pillion" status --socket "$tmp/sock" >/dev/null 2>&1; do
    kill -0 "$daemon" 2>/dev/null || break
    perl -e 'select undef, undef, undef, 0.05'
done
# A library of that name which is not ours: it hooks, and tells nobody.
mkdir "$tmp/fake" "$tmp/mods"
echo 'int connect(void) { return -1; }' |
    cc -w -fno-builtin -shared -fPIC -x c -o "$tmp/fake/libpillion.so" -
echo 'int connect(); int go(void) { return connect(1, 0, 0); }' |
    cc -w -fno-builtin -shared -fPIC -Wl,-z,now -x c -o "$tmp/mods/deep.so" -
cat >"$tmp/loads.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int connect();
int main(int argc, char **argv)
{
    char byte;
    if (argc > 1 && !dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND))
        return 1;
    printf("%d %d\n", (int)getpid(), connect(1, 0, 0));
    fflush(stdout);
    return read(0, &byte, 1) != 1;
}
END
cc -w -fno-builtin -Wl,-z,now -o "$tmp/loads" "$tmp/loads.c" -ldl
begin env LD_PRELOAD="$tmp/fake/libpillion.so" "$tmp/loads" "$tmp/mods/deep.so"
set -- $line
inspect 1 --socket "$tmp/sock" "$1" && out '^note       not-attached: ' &&
    out '^attached   no' &&
    out '^limited    unhooked: ' && out "^  evidence $tmp/mods/deep.so: connect$" &&
    grep -Eq "^1 +0 +0 +0 +$tmp/loads" "$tmp/out" && grep -Eq "^0 +0 +1 +0 +$tmp/mods" "$tmp/out"
verdict $? "a module that was bound past the hooks is named, and a process that said no hello"
rm "$tmp/fake/libpillion.so"
inspect 0 --socket "$tmp/sock" "$1" && out '^note       old-library: ' &&
    out '^note       hooks-unknown: '
verdict $? "a library that was replaced since is named"
kill "$daemon"
finish
inspect 127 999999999 && err 'no process 999999999' && inspect 2 --pid x
verdict $? "a process that is not there is 127"

# ---- units ---------------------------------------------------------------------------------------

export SYSTEMD_UNIT_PATH=$tmp/units
mkdir -p "$tmp/units/web.service.d"
cat >"$tmp/units/web.service" <<'END'
[Service]
ExecStart=-/usr/bin/env -u X \
    true
User=nobody
ProtectSystem=strict
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
END
lib_readable=1
dir=$BUILD
while [ "$dir" != / ]; do
    case $(stat -c %A "$dir") in *[xt]) ;; *) lib_readable=0 ;; esac
    dir=$(dirname "$dir")
done
code=$((lib_readable ? 0 : 126))
inspect $code web.service && out "^unit       web.service, by $tmp/units/web.service" &&
    out '^program    /usr/bin/env'
verdict $? "a unit is covered, or not where its user cannot read the library"
cat >"$tmp/units/web.service.d/net.conf" <<'END'
[Service]
RestrictAddressFamilies=
RestrictAddressFamilies=AF_INET
END
inspect 126 --socket /run/pillion/policyd.sock web.service &&
    out '^refused    no-unix-sockets: ' && out '^  evidence RestrictAddressFamilies=AF_INET$'
verdict $? "a drop-in that takes unix sockets away is seen"
cat >"$tmp/units/web.service.d/net.conf" <<END
[Service]
User=
InaccessiblePaths=$BUILD
END
inspect 126 --unit web && out '^refused    library-hidden: '
verdict $? "so is one that hides the library"
ln -s /dev/null "$tmp/units/masked.service"
inspect 127 masked.service && err 'masked' && inspect 127 nobody-has-this.service
verdict $? "a masked unit, and one that is not there, are 127"
