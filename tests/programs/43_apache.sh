#!/bin/sh
# also: 44
# apache2 with each of its ways to make workers (prefork, worker, event): requests from many
# clients at once, a proxied backend, a graceful restart.
set -u
. "$(dirname "$0")/common"
need apache2 setsid curl perl
modules=/usr/lib/apache2/modules
[ -f $modules/mod_mpm_event.so ] ||
    { echo "ok - $subject # SKIP apache2's modules are not in $modules"; exit 0; }

many() { # URL COUNT: that many at once; which answers came
    for _ in $(seq "$2"); do
        curl -s -o - -w ' %{http_code}\n' "$1" &
    done | sort | uniq -c
}

# In a session of its own, because it ends by signalling its process group.
serve() { # MPM
    port=$(free_port)
    cat >"$dir/$1.conf" <<CONF
ServerRoot $dir
ServerName localhost
PidFile $dir/$1.pid
Listen 127.0.0.1:$port
ErrorLog $dir/$1.log
DocumentRoot $dir/www
LoadModule mpm_$1_module $modules/mod_mpm_$1.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
ProxyPass /again/ http://127.0.0.1:$port/
ProxyPass /nobody/ http://127.0.0.1:1/
User nobody
Group nogroup
CONF
    # shellcheck disable=SC2086
    later setsid $RUN apache2 -f "$dir/$1.conf" -D FOREGROUND
    ready curl -sf "http://127.0.0.1:$port/index.html"
}

scenario() {
    mkdir "$dir/www"
    echo hello >"$dir/www/index.html"
    chmod -R a+rX "$dir"
    for mpm in prefork worker event; do
        serve $mpm
        many "http://127.0.0.1:$port/index.html" 12
        many "http://127.0.0.1:$port/again/index.html" 6
        curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/nobody/"
        kill -USR1 "$(cat "$dir/$mpm.pid")"
        ready grep -q 'raceful restart' "$dir/$mpm.log"
        many "http://127.0.0.1:$port/index.html" 12
        end_leg
        grep -c 'exit signal' "$dir/$mpm.log"
    done
    true
}
compare_legs
