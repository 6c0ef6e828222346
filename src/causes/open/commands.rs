//! What is known around a failure, and the commands that would tell more.

use crate::evidence::{Endpoint, Observed, Protocol, Snapshot, Symptom};
use crate::finding::quoted;

/// One failure, as a log tells of it, with what else is known.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// What the line says.
    pub symptom: Symptom,
    /// The message itself.
    pub message: &'a str,
    /// Whose line it is: `nginx`, `caddy`, …
    pub product: &'a str,
    /// What is spoken with the upstream.
    pub protocol: Protocol,
    /// The upstream, when the line names an address.
    pub endpoint: Option<Endpoint>,
    /// The upstream as the line names it (`be_app/s1`).
    pub upstream: Option<&'a str>,
    /// The client's request, for the URL in commands.
    pub path: Option<&'a str>,
    /// What other pieces tell.
    pub known: Known,
}

/// What other pieces tell about the upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Something listens on the endpoint (`true`), or nothing does; `None`: nobody looked.
    pub listening: Option<bool>,
    /// The state of services was sent.
    pub units: bool,
    /// The kernel log was sent.
    pub kernel: bool,
    /// The kernel log or a unit tells of a kill for lack of memory.
    pub oom: bool,
    /// Packet filters were sent.
    pub firewall: bool,
    /// A packet filter stops the way.
    pub blocked: bool,
    /// The configuration was sent, and names the upstream by an address only.
    pub no_name: bool,
    /// The configuration was sent.
    pub config: bool,
    /// The log of the application was sent.
    pub application: bool,
}

impl Known {
    /// What a snapshot tells about one endpoint.
    pub fn of(snapshot: &Snapshot, endpoint: Option<&Endpoint>) -> Self {
        let evidence = endpoint.and_then(|endpoint| {
            snapshot
                .endpoints
                .iter()
                .find(|evidence| evidence.endpoint == *endpoint)
        });
        let oom_in_kernel = snapshot.kernel.seen().is_some_and(|events| {
            events
                .iter()
                .any(|event| event.kind == crate::evidence::KernelEventKind::OomKill)
        });
        let oom_in_unit = snapshot
            .units
            .seen()
            .is_some_and(|units| units.iter().any(|unit| unit.result == "oom-kill"));
        let route = snapshot.route.seen();
        let config = snapshot.config.seen().is_some();
        Self {
            listening: evidence.and_then(|evidence| match &evidence.listener {
                Observed::Seen(_) => Some(true),
                Observed::Absent => Some(false),
                Observed::Unavailable(_) => None,
            }),
            units: snapshot.units.seen().is_some(),
            kernel: snapshot.kernel.seen().is_some(),
            oom: oom_in_kernel || oom_in_unit,
            firewall: snapshot.firewall.seen().is_some(),
            blocked: snapshot.firewall.seen().is_some_and(|answer| {
                answer
                    .packets
                    .iter()
                    .any(|packet| packet.fate != crate::evidence::Fate::Accepted)
            }),
            no_name: config
                && route.is_some_and(|route| match &route.handler {
                    crate::evidence::Handler::Pass(pass) => {
                        pass.runtime_name.is_none()
                            && !pass.has_variables
                            && pass
                                .peers
                                .iter()
                                .all(|peer| !matches!(peer.address, crate::evidence::PeerAddress::Name(_)))
                    }
                    _ => false,
                }),
            config,
            application: !snapshot.applications.is_empty(),
        }
    }
}

impl Facts<'_> {
    /// True for an upstream on this machine, as far as its address tells.
    pub fn local(&self) -> bool {
        match &self.endpoint {
            Some(Endpoint::Tcp(address)) => address.ip().is_loopback(),
            Some(Endpoint::Unix(_)) => true,
            None => false,
        }
    }

    /// The upstream as a word of a shell command.
    pub(super) fn address(&self) -> String {
        match &self.endpoint {
            Some(Endpoint::Tcp(address)) => address.to_string(),
            Some(Endpoint::Unix(path)) => path.clone(),
            None => "UPSTREAM".to_owned(),
        }
    }

    /// Fills the places of a command.
    pub(super) fn fill(&self, template: &str) -> String {
        let (host, port) = match self.tcp() {
            Some(address) => (address.ip().to_string(), address.port().to_string()),
            None => ("UPSTREAM".to_owned(), "PORT".to_owned()),
        };
        let path = self.path.unwrap_or("/");
        template
            .replace("{dump}", self.dump())
            .replace("{log}", self.log())
            .replace("{reload}", self.reload())
            .replace("{user}", self.user())
            .replace("{prefix}", self.protocol.directive_prefix())
            .replace("{ask}", &self.ask(path))
            .replace("{addr}", &quoted(&self.address()))
            .replace("{host}", &quoted(&host))
            .replace("{port}", &port)
            .replace("{path}", &quoted(path))
    }

    /// The command that asks the upstream as the proxy does.
    fn ask(&self, path: &str) -> String {
        match (&self.endpoint, self.protocol) {
            (Some(Endpoint::Unix(socket)), Protocol::Http) => {
                format!(
                    "curl -sv --unix-socket {} {}",
                    quoted(socket),
                    quoted(&format!("http://localhost{path}"))
                )
            }
            (_, Protocol::FastCgi) => format!(
                "SCRIPT_NAME=/status SCRIPT_FILENAME=/status REQUEST_METHOD=GET cgi-fcgi -bind -connect {}",
                quoted(&self.address())
            ),
            _ => format!("curl -sv {}", quoted(&format!("http://{}{path}", self.address()))),
        }
    }

    /// The command that shows the configuration in force.
    fn dump(&self) -> &'static str {
        match self.product {
            "apache" => "sudo apachectl -t -D DUMP_VHOSTS; sudo grep -rn ProxyPass /etc/apache2 /etc/httpd",
            "squid" => "sudo squid -k parse",
            "haproxy" => "sudo haproxy -c -V -f /etc/haproxy/haproxy.cfg",
            "caddy" => "caddy adapt --config /etc/caddy/Caddyfile --pretty",
            "traefik" => "curl -s http://127.0.0.1:8080/api/http/services",
            "envoy" => "curl -s http://127.0.0.1:9901/clusters",
            _ => "sudo nginx -T",
        }
    }

    fn reload(&self) -> &'static str {
        match self.product {
            "apache" => "apachectl graceful",
            "squid" => "squid -k reconfigure",
            "haproxy" => "systemctl reload haproxy",
            "caddy" => "systemctl reload caddy",
            "traefik" | "envoy" => "a restart of the proxy",
            _ => "nginx -s reload",
        }
    }

    fn log(&self) -> &'static str {
        match self.product {
            "apache" => "/var/log/apache2/error.log",
            "squid" => "/var/log/squid/cache.log",
            "haproxy" => "/var/log/haproxy.log",
            _ => "/var/log/nginx/error.log",
        }
    }

    fn user(&self) -> &'static str {
        match self.product {
            "squid" => "proxy",
            "haproxy" => "haproxy",
            "caddy" => "caddy",
            _ => "www-data",
        }
    }
}

/// The one command that narrows the open causes most, given what is known already.
pub fn settle(facts: &Facts<'_>) -> String {
    let known = facts.known;
    let template = match facts.symptom {
        Symptom::ConnectionRefused | Symptom::ConnectFailed if facts.endpoint.is_none() => "{dump}",
        Symptom::ConnectionRefused | Symptom::ConnectFailed => match known.listening {
            None if facts.local() => "sudo ss -ltnp 'sport = :{port}'",
            None => "ssh {host} sudo ss -ltnp 'sport = :{port}'",
            Some(true) => "sudo iptables-save; sudo nft list ruleset",
            Some(false) if !known.units => "systemctl --failed; systemctl list-units --type=service",
            Some(false) if !known.kernel => "sudo dmesg -T | grep -i 'killed process'",
            Some(false) => "sudo journalctl -n 100 -p warning",
        },
        Symptom::SocketMissing => {
            if known.units {
                "sudo ss -lxp"
            } else {
                "ls -l {addr}; sudo ss -lxp; systemctl --failed"
            }
        }
        Symptom::PermissionDenied
            if facts
                .endpoint
                .as_ref()
                .is_some_and(|endpoint| endpoint.unix().is_some()) =>
        {
            "namei -l {addr}; sudo ausearch -m avc -ts recent"
        }
        Symptom::PermissionDenied => "sudo ausearch -m avc -ts recent; sudo dmesg | grep -i denied",
        Symptom::AcceptQueueFull => "sudo ss -lxp",
        Symptom::HostUnreachable => "ip route get {host}; ip neigh show {host}",
        Symptom::NetworkUnreachable => "ip route get {host}",
        Symptom::NoLocalAddress => {
            "ss -tan state time-wait dst {addr} | wc -l; sysctl net.ipv4.ip_local_port_range"
        }
        Symptom::ConnectTimeout if known.firewall => "ss -ltn 'sport = :{port}'; sudo dmesg | grep conntrack",
        Symptom::ConnectTimeout => "sudo tcpdump -ni any host {host} and port {port}",
        Symptom::ClosedBeforeHeader | Symptom::ResetBeforeHeader | Symptom::SendFailed => {
            if known.application {
                "{ask}"
            } else {
                "the log of the application at the same second: sudo journalctl -n 200, php-fpm.log, docker logs"
            }
        }
        Symptom::HeaderTimeout | Symptom::SendTimeout => "time {ask}",
        Symptom::NotHttp | Symptom::RefusedAnswer if facts.product == "haproxy" => {
            "echo 'show errors' | sudo socat stdio /run/haproxy/admin.sock"
        }
        Symptom::NotHttp | Symptom::RefusedAnswer | Symptom::Http2Mismatch => {
            "printf 'GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' | nc {host} {port} | head -c 300 | xxd"
        }
        Symptom::TlsFailed
        | Symptom::TlsAborted
        | Symptom::TlsAlert
        | Symptom::TlsUntrusted
        | Symptom::TlsClientCertificate
        | Symptom::TlsName => "openssl s_client -connect {addr} -servername NAME </dev/null",
        Symptom::NoLiveUpstreams | Symptom::PeerMarkedDown => match facts.product {
            "haproxy" => "echo 'show servers state' | sudo socat stdio /run/haproxy/admin.sock",
            "nginx" => "grep -v 'no live upstreams' {log} | grep 'while .* upstream' | tail -n 20",
            _ => "{dump}",
        },
        Symptom::SlotsExhausted | Symptom::NoForwardPath => "{dump}",
        Symptom::WorkerCrashed => "coredumpctl list; sudo dmesg -T | grep -i -e segfault -e 'killed process'",
        _ => "{ask}",
    };
    facts.fill(template)
}
