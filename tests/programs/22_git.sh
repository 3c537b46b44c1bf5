#!/bin/sh
# also: 18
# git over http: clone, fetch and push say the same on stdout and stderr, byte for byte, and the
# trees are the same.
set -u
. "$(dirname "$0")/common"
need git python3 perl
backend=$(git --exec-path)/git-http-backend
[ -x "$backend" ] && [ -x "$(git --exec-path)/git-remote-http" ] || {
    echo "ok - $subject # SKIP this git has no http"
    exit 0
}

# Nothing of the user's, and nothing that differs from run to run.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_TERMINAL_PROMPT=0
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_AUTHOR_DATE='2001-02-03T04:05:06Z'
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_COMMITTER_DATE='2001-02-03T04:05:06Z'
export HOME=/nonexistent

server() { # PORT FOLDER
    GIT_PROJECT_ROOT=$2 GIT_HTTP_EXPORT_ALL=1 exec $RUN python3 tests/programs/git_http.py "$1" \
        "$backend"
}

# Both outputs apart, with the name of the folder taken out.
told() {
    "$@" >"$dir/out" 2>"$dir/err"
    echo "status $?"
    for part in out err; do
        sed "s|$dir|DIR|g; s|:$port/|:PORT/|g; s/after [0-9]* ms/after N ms/; s/^/$part: /" \
            "$dir/$part"
    done
}

scenario() {
    port=$(free_port)
    mkdir "$dir/repos"
    git init -q --bare -b main "$dir/repos/r.git"
    git -C "$dir/repos/r.git" config http.receivepack true
    git init -q -b main "$dir/first"
    seq 1 3000 >"$dir/first/numbers"
    git -C "$dir/first" add numbers
    git -C "$dir/first" commit -q -m one
    git -C "$dir/first" push -q "$dir/repos/r.git" main
    later server "$port" "$dir/repos"
    url=http://localhost:$port/r.git
    ready git ls-remote -q "$url"
    told $RUN git clone "$url" "$dir/clone"
    told $RUN git clone --depth 1 -q "http://127.0.0.1:$port/r.git" "$dir/shallow"
    seq 1 50 >"$dir/clone/more"
    git -C "$dir/clone" add more
    git -C "$dir/clone" commit -q -m two
    told $RUN git -C "$dir/clone" push origin main
    told $RUN git -C "$dir/first" fetch "$url" main
    git -C "$dir/first" rev-parse FETCH_HEAD
    git -C "$dir/clone" rev-parse HEAD
    told $RUN git ls-remote "$url"
    told $RUN git clone "http://127.0.0.1:$port/none.git" "$dir/none"
    told $RUN git clone http://127.0.0.1:1/r.git "$dir/nobody"
}
compare_legs
