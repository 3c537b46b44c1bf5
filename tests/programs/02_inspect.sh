#!/bin/sh
# Programs that a preload cannot reach: each is named by `pillion inspect`, and refused by
# `pillion run` with the same name. What is covered is said to be, and is.
# also: 06
set -u
. "$(dirname "$0")/common"
need cc

inspect() { # CODE ARGUMENT...
    code=$1
    shift
    try "$code" "$pillion" inspect "$@"
}
run() { # CODE PROGRAM
    try "$1" "$pillion" run --solo "$allow" -- "$2"
}
refused() { # PROGRAM NAME TEXT: named and refused by the same name
    inspect 126 "$1" && out '^verdict    not-covered' && out "^refused    $2: " &&
        out '^  evidence ' && out '^  remedy   ' && run 126 "$1" && err "($2)" && err 'remedy: '
    verdict $? "$3"
}

printf 'int main(void) { return 7; }\n' >"$tmp/p.c"
cc -o "$tmp/normal" "$tmp/p.c" || exit 1
inspect 0 "$tmp/normal" && out '^verdict    covered' && out ', 0 not found$' && run 7 "$tmp/normal"
verdict $? "an ordinary program: covered, and runs"
if cc -static -o "$tmp/static" "$tmp/p.c" 2>/dev/null; then
    refused "$tmp/static" static "a static program"
    printf '#!%s\n' "$tmp/static" >"$tmp/script"
    chmod 755 "$tmp/script"
    refused "$tmp/script" static "a script that a static program runs"
else
    skip "static programs" "no static libc here"
fi
if cc -static-pie -o "$tmp/static-pie" "$tmp/p.c" 2>/dev/null; then
    refused "$tmp/static-pie" static "a static program that can be moved (static-pie)"
else
    skip "static-pie programs" "no static libc here"
fi
cc -o "$tmp/musl" "$tmp/p.c" -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1
refused "$tmp/musl" libc "a program for another libc"

# ---- Go ------------------------------------------------------------------------------------------

if command -v go >/dev/null; then
    printf 'package main\nimport "os"\nfunc main() { os.Exit(7) }\n' >"$tmp/plain.go"
    printf 'package main\nimport ("net"; "os")\nfunc main() { net.LookupHost(""); os.Exit(7) }\n' \
        >"$tmp/cgo.go"
    export GOCACHE="$tmp/cache" GOFLAGS=-p=1 HOME="$tmp"
    if CGO_ENABLED=0 go build -o "$tmp/go" "$tmp/plain.go" 2>"$tmp/err" >"$tmp/out"; then
        refused "$tmp/go" static "a Go program"
    else
        skip "a Go program" "go cannot build here"
    fi
    if CGO_ENABLED=1 go build -o "$tmp/cgo" "$tmp/cgo.go" 2>"$tmp/err" >"$tmp/out"; then
        refused "$tmp/cgo" raw-calls "a Go program that is linked with libc (cgo)"
    else
        skip "a Go program that is linked with libc" "go cannot build it here"
    fi
else
    skip "Go programs" "go is not installed"
fi
cat >"$tmp/info.c" <<'END'
__attribute__((used)) char info[32] = "\xff Go buildinf:";
int main(void) { return info[1] == 'x'; }
END
cc -o "$tmp/info" "$tmp/info.c"
refused "$tmp/info" raw-calls "a Go program whose linker left no note: by its build information"

# ---- privileges ----------------------------------------------------------------------------------

if [ "$(id -u)" = 0 ]; then
    for mode in 4755 2755; do
        cp "$tmp/normal" "$tmp/mode$mode"
        chown nobody:nogroup "$tmp/mode$mode" && chmod $mode "$tmp/mode$mode"
        refused "$tmp/mode$mode" setuid "a program that changes its user or group (mode $mode)"
    done
    cp "$tmp/normal" "$tmp/rootly" && chmod 4755 "$tmp/rootly"
    inspect 1 "$tmp/rootly" && out '^limited    setuid-for-others: ' &&
        inspect 126 --user nobody "$tmp/rootly" && out '^refused    setuid: '
    verdict $? "a setuid program of root's own: for root covered, for others not"
    cp "$tmp/normal" "$tmp/caps"
    if command -v setcap >/dev/null && setcap cap_net_raw+ep "$tmp/caps" 2>/dev/null; then
        inspect 1 "$tmp/caps" && out '^limited    setuid-for-others: ' &&
            inspect 126 --user nobody "$tmp/caps" && out '^refused    capabilities: '
        verdict $? "a program with capabilities: for root covered, for others not"
    else
        skip "a program with capabilities" "setcap is not installed or has no effect here"
    fi
else
    skip "setuid programs and capabilities" "not root: no file of another user can be made"
fi

# ---- the other word size -------------------------------------------------------------------------

if cc -m32 -o "$tmp/narrow" "$tmp/p.c" 2>/dev/null; then
    # The copies that run here are of one class only.
    inspect 126 "$tmp/narrow" && out '^refused    class: ' && out '^machine    i386' &&
        run 126 "$tmp/narrow" && err '(class)'
    verdict $? "a 32-bit program without a 32-bit library"
else
    skip "32-bit programs" "no 32-bit programs can be built here"
fi

# ---- covered, with something to say --------------------------------------------------------------

cat >"$tmp/raw.c" <<'END'
int main(void)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(42), "D"(-1), "S"(0), "d"(0)
                     : "rcx", "r11", "memory");
    return result == -9 ? 7 : 1;
}
END
cc -O1 -o "$tmp/raw" "$tmp/raw.c"
inspect 1 "$tmp/raw" && out '^verdict    limited' && out '^limited    raw-code: ' &&
    out "^  evidence $tmp/raw: connect at 0x" && run 7 "$tmp/raw" && [ ! -s "$tmp/err" ]
verdict $? "a program with a connect of its own: limited, and started without a word"
"$BUILD/pillion" run --verbose --solo "$allow" -- "$tmp/raw" >"$tmp/out" 2>"$tmp/err"
[ $? -eq 7 ] && err '^limited    raw-code: ' && [ ! -s "$tmp/out" ]
verdict $? "run --verbose says so on standard error"
printf 'int gone(void) { return 7; }\n' |
    cc -shared -fPIC -Wl,-soname,libgone.so -x c -o "$tmp/libgone.so" - &&
    printf 'int gone(void);\nint main(void) { return gone(); }\n' |
    cc -x c -o "$tmp/lacks" - -x none "$tmp/libgone.so" -Wl,-rpath,"$tmp"
inspect 0 "$tmp/lacks" && rm "$tmp/libgone.so" && inspect 126 "$tmp/lacks" &&
    out '^refused    missing-library: ' && out '^  evidence libgone.so$'
verdict $? "a library that cannot be found is named"
printf 'int SSL_write(void) { return 0; }\nint main(void) { return 7; }\n' |
    cc -x c -rdynamic -o "$tmp/tls" -
inspect 0 "$tmp/tls" && out '^note       own-openssl: '
verdict $? "a copy of OpenSSL of one's own is named"
printf '#!%s\n' "$tmp/normal" >"$tmp/good"
chmod 755 "$tmp/good"
inspect 0 --json "$tmp/good" && out '"verdict": "covered"' && out '"name": "script"' &&
    out '"scripts": 1'
verdict $? "a script of a covered program, as JSON"
inspect 127 "$tmp/nobody" && inspect 127 no-such-program-here && inspect 2 && inspect 2 a b &&
    inspect 2 --user no-such-user-here "$tmp/normal"
verdict $? "what is not there is 127, wrong usage is 2"
