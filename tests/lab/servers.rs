//! The servers of a world: nginx, the application, php-fpm, a second machine.

use std::fmt::Write as _;

use super::world::{FRONT, World};

impl World {
    /// The configuration of nginx with one server of the given content, and `http` beside it; the files only.
    pub(super) fn configure(&self, server: &str, http: &str) {
        let d = self.path("");
        let d = d.trim_end_matches('/');
        let mut temporary = String::new();
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let _ = writeln!(temporary, "    {kind}_temp_path {d}/logs/tmp/{kind};");
        }
        self.write(
            "conf/nginx.conf",
            &format!(
                "user www-data;\nworker_processes 1;\npid {d}/run/nginx.pid;\nerror_log {d}/logs/error.log;\n\n\
                 events {{\n    worker_connections 128;\n}}\n\nhttp {{\n    access_log {d}/logs/access.log;\n\
                 {temporary}    proxy_connect_timeout 1s;\n    proxy_read_timeout 1s;\n    fastcgi_connect_timeout 1s;\n    \
                 fastcgi_read_timeout 1s;\n    resolver_timeout 1s;\n    include {d}/conf/sites/*.conf;\n}}\n"
            ),
        );
        self.write(
            "conf/sites/bakery.conf",
            &format!("{http}\nserver {{\n    listen {FRONT};\n    server_name www.bakery.test;\n\n    {server}\n}}\n"),
        );
    }

    /// Start nginx with one server of the given content; its logs have the owner and mode that Debian gives them.
    pub(super) fn nginx(&self, server: &str, http: &str) {
        self.configure(server, http);
        self.run(
            "for log in error access; do install -m 640 -o www-data -g adm /dev/null logs/$log.log; done
             nginx -c $PWD/conf/nginx.conf > logs/nginx.out 2>&1",
        );
    }

    /// Start nginx in front of `http://ADDRESS`, without anything special.
    pub(super) fn nginx_to(&self, upstream: &str) {
        self.nginx(&format!("location / {{ proxy_pass {upstream}; }}"), "");
    }

    /// Start the application in one of its modes.
    pub(super) fn oven(&self, mode: &str, address: &str) {
        self.oven_with(mode, address, "");
    }

    /// Start the application with further arguments.
    pub(super) fn oven_with(&self, mode: &str, address: &str, more: &str) {
        self.run(&format!(
            "python3 -I $PWD/app/oven.py {mode} {address} {more} > logs/oven.out 2>&1"
        ));
    }

    /// Kill the application without a chance to clean up, and wait until it is gone.
    pub(super) fn kill_the_oven(&self) {
        self.run("pkill -KILL -f '^python3 .*oven[.]py'; while pgrep -f '^python3 .*oven[.]py' > /dev/null; do sleep 0.02; done");
    }

    /// Start php-fpm with one pool that listens as said, on a socket that www-data may open.
    pub(super) fn php_fpm(&self, listen: &str) {
        let d = self.path("");
        self.write(
            "conf/php-fpm.conf",
            &format!(
                "[global]\nerror_log = {d}logs/php-fpm.log\npid = {d}run/php-fpm.pid\n[bakery]\nuser = www-data\n\
                 group = www-data\nlisten = {listen}\nlisten.owner = www-data\nlisten.group = www-data\npm = static\n\
                 pm.max_children = 3\n"
            ),
        );
        self.write("www/orders.php", "<?php echo \"bread\\n\";\n");
        self.run("$(ls /usr/sbin/php-fpm* | tail -n 1) -y $PWD/conf/php-fpm.conf -D > logs/php-fpm.out 2>&1");
    }

    /// The location block that hands PHP scripts to a pool.
    pub(super) fn fastcgi(&self, address: &str) -> String {
        format!(
            "root {}; location / {{ fastcgi_pass {address}; fastcgi_param SCRIPT_FILENAME $document_root/orders.php; \
             fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $query_string; }}",
            self.path("www")
        )
    }

    /// A second machine behind a cable: 10.61.7.1 is this side, 10.61.7.2 the other.
    pub(super) fn cable(&self) {
        self.run(
            "ip link add oven0 type veth peer name oven1
             ip addr add 10.61.7.1/24 dev oven0
             ip link set oven0 up
             ip link set oven1 up",
        );
    }

    /// A certificate for `oven.bakery.test` and its key, in `conf/oven.pem`.
    pub(super) fn certificate(&self) {
        self.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=oven.bakery.test \
                -addext subjectAltName=DNS:oven.bakery.test -keyout run/key -out run/certificate 2> logs/openssl
             cat run/certificate run/key > conf/oven.pem; rm run/certificate run/key",
        );
    }
}
