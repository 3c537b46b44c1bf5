#!/bin/sh
# python's http.server and curl, one and many at a time, wget and perl.
set -u
. "$(dirname "$0")/common"
need curl wget perl python3

scenario() {
    mkdir "$dir/www"
    head -c 3000000 /dev/urandom | base64 >"$dir/www/large"
    echo "$marker" >"$dir/www/small"
    later $RUN python3 -m http.server --bind 127.0.0.1 --directory "$dir/www" "$(port)"
    ready $RUN curl -sfo /dev/null "http://127.0.0.1:$(port)/small"
    $RUN curl -s "http://127.0.0.1:$(port)/small"
    $RUN curl -s "http://127.0.0.1:$(port)/large" | cmp - "$dir/www/large" && echo large
    $RUN curl -s --parallel --parallel-max 20 -o "$dir/got.#1" \
        "http://127.0.0.1:$(port)/small?[1-60]" 2>"$dir/meter" &&
        cat "$dir"/got.* | sort | uniq -c
    $RUN wget -qO- "http://127.0.0.1:$(port)/small"
    $RUN perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die;
        print $s "GET /small HTTP/1.0\r\n\r\n"; print grep { /marker/ } <$s>' "$(port)"
    $RUN curl -s -o /dev/null "http://127.0.0.1:1/" ; echo "nobody there: $?"
}
compare_secured
