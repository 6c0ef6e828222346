//! Random configurations for the routing oracle. A location is known by the line it begins in: its
//! `proxy_method` is that number in letters.

use std::fmt::Write as _;
use std::path::Path;

use super::dice::Dice;
use super::network::Address;

/// What is written, line by line.
pub(super) struct Layout<'d> {
    pub(super) text: String,
    line: usize,
    dice: &'d mut Dice,
    /// Peers as `proxy_pass` and `server` take them.
    peers: Vec<String>,
}

const NAMES: [&str; 7] = ["/", "/a", "/a/", "/a/b", "/ab", "/a/b/", "/b"];
const REGEXES: [&str; 16] = [
    "/a",
    "/a",
    "^/a/",
    "b$",
    "^/(?<part>.b)",
    "^/(.)$",
    "[^a]/b",
    "\\.php$",
    "^/a/(b)/",
    "A",
    "^/[^/]+/$",
    "^/(?:a|b)(.*)$",
    "\\d",
    "^/.$",
    "\\W$",
    "^(?!/a)",
];
const SERVER_NAMES: [&str; 18] = [
    "a.test",
    "*.test",
    ".b.test",
    "b.*",
    "\"~^(?<sub>.+)\\.re$\"",
    "c.test",
    "*.a.test",
    "~B",
    "b.test",
    ".test",
    "www.b.*",
    "\"\"",
    "_",
    "a.test:80",
    "\"~^(www\\.)?(?<rest>.+)$\"",
    "A.TEST",
    "~^c",
    "*.x.a.test",
];

/// A method that names a line: nginx takes only capital letters in it.
pub(super) fn method(line: usize) -> String {
    let letters: String = line
        .to_string()
        .bytes()
        .map(|digit| char::from(digit - b'0' + b'A'))
        .collect();
    format!("L{letters}")
}

impl<'d> Layout<'d> {
    pub(super) fn new(dice: &'d mut Dice, peers: &[Address]) -> Self {
        let peers = peers
            .iter()
            .map(|peer| match peer {
                Address::Unix(path) => format!("unix:{}", path.display()),
                Address::Ip(address) => address.to_string(),
            })
            .collect();
        Self {
            text: String::new(),
            line: 1,
            dice,
            peers,
        }
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
        self.line += 1 + text.matches('\n').count();
    }

    fn peer(&mut self) -> String {
        let index = self.dice.roll(self.peers.len());
        self.peers[index].clone()
    }

    /// A peer that may stand in a URL with a URI behind it.
    fn place(&mut self) -> String {
        let peer = self.peer();
        if peer.starts_with("unix:") {
            format!("{peer}:")
        } else {
            peer
        }
    }

    /// Writes a whole configuration.
    pub(super) fn write(&mut self, directory: &Path, root: &Path, sockets: &[Address]) {
        self.put(&format!(
            "daemon off; master_process off; pid {0}/pid; events {{ worker_connections 500; }} http {{ access_log off; keepalive_requests 100000; root {1}; client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3; uwsgi_temp_path {0}/t4; scgi_temp_path {0}/t5;",
            directory.display(),
            root.display()
        ));
        for name in ["one", "Two", "three"] {
            self.upstream(name);
        }
        self.maps();
        // Every variable is set somewhere, or nginx would not know it.
        self.put(&format!(
            "server {{ listen unix:{}/idle; set $v 1; set $w 1; set $mm 1; set $up 1; set $seg 1; }}",
            directory.display()
        ));
        self.settings();
        for _ in 0..=self.dice.roll(5) {
            self.server(sockets);
        }
        self.put("}");
    }

    fn upstream(&mut self, name: &str) {
        let mut lines = format!("upstream {name} {{ ");
        if self.dice.chance(20) {
            lines.push_str(self.dice.one(&[
                "least_conn; ",
                "ip_hash; ",
                "random; ",
                "hash $uri; ",
                "zone z 64k; ",
            ]));
        }
        let with_backup = !lines.contains("hash") && !lines.contains("random");
        for index in 0..=self.dice.roll(4) {
            let peer = self.peer();
            let mut option = self
                .dice
                .one(&["", "", "", "down", "backup", "weight=3", "max_conns=100"]);
            if option == "backup" && (index == 0 || !with_backup) {
                option = "";
            }
            let _ = write!(lines, "server {peer} {option}; ");
        }
        lines.push('}');
        self.put(&lines.replace("zone z", &format!("zone {name}")));
    }

    fn maps(&mut self) {
        self.put("map $host $mapped { hostnames; default one; *.test two; .b.test three; b.* One; ~^c TWO; a.test one; }");
        for name in ["m1", "m2"] {
            let source = self.dice.one(&[
                "$uri",
                "$arg_x",
                "$host",
                "$request_method",
                "$uri$is_args$args",
                "$http_host",
            ]);
            let mut lines = format!("map {source} ${name} {{ ");
            if self.dice.chance(50) {
                lines.push_str("default three; ");
            }
            let mut used = Vec::new();
            for _ in 0..self.dice.roll(5) {
                let key = self.dice.one(&[
                    "/a",
                    "1",
                    "GET",
                    "\"\"",
                    "\"~^/(?<mm>a)\"",
                    "~*^/A(.)",
                    "~b",
                    "a.test",
                    "/A",
                    "\\default",
                    "2",
                ]);
                if used.contains(&key.to_ascii_lowercase()) {
                    continue;
                }
                used.push(key.to_ascii_lowercase());
                let value = self.dice.one(&[
                    "one",
                    "two",
                    "x$1",
                    "$mm",
                    "\"\"",
                    "\"${uri}y\"",
                    "three/q",
                    "$host",
                    "ab",
                ]);
                let _ = write!(lines, "{key} {value}; ");
            }
            lines.push('}');
            self.put(&lines);
        }
        self.put("split_clients \"$uri$arg_x\" $split { 33.3% one; 20% two; * three; }");
        self.put("geo $geo { default one; 127.0.0.0/8 two; 127.0.0.2 three; ::1 One; }");
        self.put("geo $arg_ip $where { default no; 10.0.0.0/8 ten; 10.1.0.0/16 deep; fe80::/10 link; }");
    }

    /// Header sets and versions at any level.
    fn settings(&mut self) {
        for name in ["X-A", "X-B", "Host", "Connection"] {
            if self.dice.chance(8) {
                let value = self.dice.one(&[
                    "1",
                    "$host",
                    "$uri",
                    "\"\"",
                    "$proxy_host",
                    "$mapped",
                    "$where",
                    "\"a b\"",
                    "$request_method",
                    "$scheme://$host",
                    "$server_name",
                    "$document_uri",
                    "$arg_x",
                    "$host$request_uri",
                    "$geo",
                    "$http_host",
                    "$server_port",
                    "$v",
                    "$proxy_port",
                    "$remote_addr",
                    "$args",
                ]);
                self.put(&format!("proxy_set_header {name} {value};"));
            }
        }
        if self.dice.chance(15) {
            let version = self.dice.one(&["1.0", "1.1"]);
            self.put(&format!("proxy_http_version {version};"));
        }
        if self.dice.chance(4) {
            let rule = self.dice.one(&[
                "deny all;",
                "allow 127.0.0.1; deny all;",
                "deny 127.0.0.2;",
                "allow all; deny all;",
                "allow ::1; deny all;",
                "deny unix:;",
            ]);
            self.put(rule);
        }
        if self.dice.chance(10) {
            let page = self.error_page();
            self.put(&page);
        }
        if self.dice.chance(2) {
            self.put("recursive_error_pages on;");
        }
    }

    fn error_page(&mut self) -> String {
        let codes = self.dice.one(&[
            "404", "418", "403", "404 418", "301", "302", "500", "503 410", "403 404", "405",
        ]);
        let status = self.dice.one(&["", "", "=", "=200", "=503", "=404", "=302"]);
        let target = self.dice.one(&[
            "@n",
            "/a",
            "/ab?e=1",
            "/b$uri",
            "@none",
            "http://x.test/y",
            "/e",
            "@m",
            "/there",
        ]);
        format!("error_page {codes} {status} {target};")
    }

    fn server(&mut self, sockets: &[Address]) {
        self.put("server {");
        let mut chosen = Vec::new();
        for _ in 0..=self.dice.roll(3) {
            let socket = &sockets[self.dice.roll(sockets.len())];
            if chosen.contains(&socket) {
                continue;
            }
            chosen.push(socket);
            let text = match socket {
                Address::Unix(path) => format!("unix:{}", path.display()),
                Address::Ip(address) if address.ip().is_unspecified() && address.is_ipv4() => {
                    let port = address.port();
                    self.dice.one(&["", "*:", "0.0.0.0:"]).to_owned() + &port.to_string()
                }
                Address::Ip(address) => address.to_string(),
            };
            self.put(&format!("listen {text};"));
        }
        if self.dice.chance(75) {
            let count = 1 + self.dice.roll(3);
            let mut names: Vec<&str> = Vec::new();
            for _ in 0..count {
                names.push(self.dice.one(&SERVER_NAMES));
            }
            self.put(&format!("server_name {};", names.join(" ")));
        }
        self.settings();
        if self.dice.chance(8) {
            self.put("merge_slashes off;");
        }
        if self.dice.chance(10) {
            let line = self.line;
            self.put(&format!("if ($arg_x = 1) {{ return 200 R{line}; }}"));
        }
        self.rewrites(15);
        if self.dice.chance(5) {
            self.put("try_files $uri @n;");
        }
        if self.dice.chance(15) {
            // One error page after another.
            let (first, second) = (self.line, self.line + 1);
            self.put(&format!(
                "location = /e8 {{ error_page 410 /e9; if ($arg_q) {{ return 200 R{first}; }} return 410; }}"
            ));
            self.put(&format!("location = /e9 {{ return 200 R{second}; }}"));
            self.put("error_page 418 403 404 /e8;");
        }
        let mut used = Vec::new();
        for _ in 0..=self.dice.roll(7) {
            self.location(0, "", &mut used, false);
        }
        if !used.contains(&"/".to_owned()) && self.dice.chance(70) {
            used.push("/".to_owned());
            let id = method(self.line);
            self.put(&format!(
                "location / {{ proxy_method {id}; proxy_pass http://one; }}"
            ));
        }
        for name in ["@n", "@m"] {
            let id = method(self.line);
            self.put(&format!("location {name} {{ proxy_method {id};"));
            self.settings();
            self.rewrites(10);
            self.pass(false);
            self.put("}");
        }
        self.put("}");
    }

    /// `rewrite`, `set`, `if`, `return`, `break`.
    fn rewrites(&mut self, percent: usize) {
        while self.dice.chance(percent) {
            let line = self.line;
            let flag = self.dice.one(&["last", "break", "", "last", "redirect", "permanent"]);
            let text = match self.dice.roll(27) {
                0 => format!("return 200 R{line};"),
                1 => format!("rewrite ^/a(.*)$ /ab$1 {flag};"),
                2 => format!("rewrite (.*)b /x?y=1 {flag};"),
                3 => format!("rewrite ^/a/(.*)$ /$1?z= {flag};"),
                4 => format!("rewrite ^/re(/.*) $1? {flag};"),
                5 => format!("rewrite ^(.*)/b(.*)$ $1$2?u=$1 {flag};"),
                6 => "rewrite ^/u https://x.test/$uri;".to_owned(),
                7 => format!("if ($uri ~ ^/(.)b) {{ set $v $1; }} if ($v = a) {{ return 200 R{line}; }}"),
                8 => "set $v $uri; set $w \"${v}z\";".to_owned(),
                9 => format!(
                    "if ($request_method != GET) {{ return 405; }} if ($arg_q) {{ rewrite ^ /b {flag}; }}"
                ),
                10 => "break;".to_owned(),
                11 => format!("if ($host ~* ^B\\.(.*)$) {{ set $v $1; rewrite ^/(.*)$ /$1/$v {flag}; }}"),
                12 => "if ($arg_t) { return 418; }".to_owned(),
                13 => "if ($arg_t = 1) { return 404; } if ($arg_x != \"\") { set $v one; break; }".to_owned(),
                14 => {
                    let status = self.dice.one(&[
                        "404",
                        "403",
                        "500",
                        "503",
                        "301 /z",
                        "302 http://y.test",
                        "410",
                        "418 \"\"",
                        "444",
                        "204",
                        "404 x",
                        "http://k.test",
                    ]);
                    format!("if ($uri ~ \"b$\") {{ return {status}; }}")
                }
                15 => "if ($uri !~ a) { set $v two; }".to_owned(),
                16 => format!("rewrite ^/(?<seg>[^/]+)/(.+)$ /$2/$seg {flag};"),
                17 => format!("if ($uri !~* ^/A) {{ rewrite . /a/b {flag}; }}"),
                18 => format!("rewrite ^/a$ $arg_q {flag};"),
                19 => format!("if ($m1) {{ rewrite ^/(.*)b$ /$1?$args&k {flag}; }}"),
                20 => "if ($http_x_none) { return 404; }".to_owned(),
                // What a pattern that does not match leaves of the captures before it.
                21 => format!(
                    "if ($uri ~ ^/(.)) {{ set $v $1; }} if ($uri ~ ^/none(.)) {{ break; }} set $w \"w$1\"; if ($w = wa) {{ return 200 R{line}; }}"
                ),
                22 => format!(
                    "if ($uri ~ ^/(.)) {{ set $v $1; }} rewrite ^/none(.)$ /q; set $w \"w$1\"; if ($w = wa) {{ return 200 R{line}; }}"
                ),
                // A map keeps its value when what it is made of changes.
                23 | 24 => format!(
                    "if ($m1 = none) {{ return 404; }} rewrite ^/(.)(.*)$ /b$2; if ($m1 = three) {{ return 200 R{line}; }}"
                ),
                25 => format!("set $w \"$m2\"; rewrite ^/(.*)$ /a; if ($m2 = one) {{ return 200 R{line}; }}"),
                _ => format!("rewrite ^/\\.(.*) /dot/$1 {flag};"),
            };
            self.put(&text);
        }
    }

    /// A `proxy_pass`, or none. With `literal` one with a URI is allowed.
    fn pass(&mut self, literal: bool) {
        let text = match self.dice.roll(18) {
            17 => "set $up one:80; proxy_pass http://$up;".to_owned(),
            0 => return,
            1..=3 if literal => {
                let uri = self.dice.one(&["/", "/u", "/u/", "/u?v=1", "/%41", "?k=1", "/u#f"]);
                let group = if self.dice.chance(70) {
                    self.dice.one(&["one", "two", "Three"]).to_owned()
                } else {
                    self.place()
                };
                format!("proxy_pass http://{group}{uri};")
            }
            4 => "set $up one; proxy_pass http://$up;".to_owned(),
            5 => "proxy_pass http://$mapped$uri$is_args$args;".to_owned(),
            6 | 7 => {
                let peer = self.peer();
                format!("proxy_pass http://{peer};")
            }
            8 => {
                let place = self.place();
                let uri = self.dice.one(&["", "/v$uri", "?$args", "$request_uri", "/$1", "/"]);
                format!("set $up {place}; proxy_pass http://$up{uri};")
            }
            9 => "proxy_pass http://$split;".to_owned(),
            10 => "proxy_pass $scheme://$geo/$v;".to_owned(),
            11 => "proxy_pass http://$m1;".to_owned(),
            12 => "proxy_pass http://$m2/$where;".to_owned(),
            13 => "proxy_pass http://$v;".to_owned(),
            _ => {
                let group = self.dice.one(&["one", "two", "three", "ONE"]);
                format!("proxy_pass http://{group};")
            }
        };
        self.put(&text);
    }

    fn location(&mut self, depth: usize, within: &str, used: &mut Vec<String>, in_regex: bool) {
        let regex = in_regex || self.dice.chance(30);
        let (modifier, name) = if regex {
            (self.dice.one(&["~", "~*"]), self.dice.one(&REGEXES).to_owned())
        } else {
            let tail = self.dice.one(&NAMES);
            let name = if within.ends_with('/') {
                format!("{within}{}", &tail[1..])
            } else {
                format!("{within}{tail}")
            };
            (self.dice.one(&["", "", "", "=", "^~"]), name)
        };
        let key = format!("{}{name}", if modifier == "=" { "=" } else { "" });
        if !regex {
            if used.contains(&key) {
                return;
            }
            used.push(key);
        }
        let id = method(self.line);
        let glued = self.dice.chance(10) && !name.starts_with(' ');
        let space = if glued { "" } else { " " };
        self.put(&format!("location {modifier}{space}{name} {{ proxy_method {id};"));
        self.settings();
        self.rewrites(25);
        match self.dice.roll(20) {
            0 => self.put("try_files $uri @n;"),
            1 => self.put("try_files $uri /ab?t=1;"),
            2 => self.put("try_files /there =404;"),
            3 => self.put("internal;"),
            4 => self.put("try_files $uri $uri/ /b$uri?$args;"),
            5 => {
                self.put("limit_except GET POST {");
                match self.dice.roll(3) {
                    0 => self.put("deny all;"),
                    1 => {
                        let peer = self.peer();
                        self.put(&format!("proxy_pass http://{peer};"));
                    }
                    _ => self.put("allow 127.0.0.1; deny all;"),
                }
                self.put("}");
            }
            6 => {
                let peer = self.peer();
                let condition = self.dice.one(&[
                    "$arg_x",
                    "$uri ~ ^/(a.*)",
                    "$request_method = POST",
                    "$host = a.test",
                ]);
                self.put(&format!("if ({condition}) {{ proxy_pass http://{peer}; }}"));
            }
            _ => {}
        }
        self.pass(!regex);
        if depth < 2 && modifier != "=" {
            let mut inner = Vec::new();
            for _ in 0..self.dice.roll(3) {
                // nginx accepts a prefix in a regex location whose source text it begins with.
                let plain = name == "/a";
                let within = if regex && !plain { "" } else { &name };
                self.location(depth + 1, within, &mut inner, regex && !plain);
            }
        }
        self.put("}");
    }
}

/// A target as hostile clients send it.
pub(super) fn target(dice: &mut Dice) -> String {
    let mut path = String::new();
    for _ in 0..=dice.roll(4) {
        path.push_str(dice.one(&[
            "/", "/a", "/b", "/ab", "a", "b", "/re", "/x.php", "//", "/..", "/.", "%20", "%2F", "%2e", "/A",
            "/a/b", "/u%3Fv", "%25", "+", "/a/", "/a", "/b/", "%C3%A9", "%FF", "%0a", "%41", "/u", "\\",
            "\"", "{", "%zz", "%00", "/...", "/../", "/./", "\u{e9}", "&", "'", "<",
        ]));
    }
    if dice.chance(60) {
        path.clear();
        path.push_str(dice.one(&[
            "/", "/a", "/b", "/ab", "/a/", "/a/b", "/a/b/", "/a/b/c", "/abc", "/a/a", "/b/a", "/A", "/x.php",
            "/a/x.php", "/ab/", "/b/b", "/a/ab", "/there", "/a/b/a/b",
        ]));
    }
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    if dice.chance(35) {
        path.push_str(dice.one(&[
            "?q=1",
            "?x=1",
            "?",
            "?a=%20b",
            "?t=1",
            "?x=2&x=3",
            "?q=/a/b",
            "?X=1",
            "?q=%2Fb&t=1",
            "?x",
            "?ip=10.1.2.3",
            "?ip=10.2.2.3&x=1",
            "?ip=fe80::1",
            "?ip=x",
            "?q=1#f?g",
            "#f",
            "#f?x=1",
            "?x=%FF",
        ]));
    }
    if dice.chance(4) {
        let authority = dice.one(&[
            "http://b.test",
            "http://A.Test:81",
            "http://none",
            "https://c.test.",
        ]);
        if dice.chance(10) {
            return format!("{authority}?x=1");
        }
        return format!("{authority}{path}");
    }
    path
}

/// A Host header; empty: none is sent, and the request is HTTP/1.0.
pub(super) fn host(dice: &mut Dice) -> &'static str {
    dice.one(&[
        "a.test",
        "b.test",
        "x.b.test",
        "B.com",
        "z.re",
        "C.test.",
        "x.a.test:8080",
        "none",
        "www.b.org",
        "www.c",
        "A.test:80",
        "y.x.a.test",
        "b.",
        "_",
        "a.test:80.",
        "",
        "[::1]:80",
        "b.test..",
        "127.0.0.1",
        "c",
        "a.test",
        "b.test",
    ])
}
