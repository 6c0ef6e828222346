//! The settings in force for a request that is proxied: those of the worker, of the server, of sections.

use super::layers::Layers;
use super::tree::StatementId;
use super::workers::{Backend, Balancer, Worker};
use super::{Config, logs};
use crate::evidence::{ApacheSettings, HealthCheck, RouteSettings, Setting};

/// `AP_IOBUFSIZE`.
const IO_BUFFER_BYTES: u64 = 8192;

/// What the settings are looked up with.
pub(super) struct Scope<'a> {
    pub(super) config: &'a Config,
    pub(super) server: usize,
    pub(super) layers: &'a Layers,
    pub(super) worker: Option<&'a Worker>,
    /// The member or the worker's own URL.
    pub(super) backend: Option<&'a Backend>,
    pub(super) balancer: Option<&'a Balancer>,
    pub(super) scheme: String,
}

impl Scope<'_> {
    fn at<T>(&self, value: T, statement: StatementId) -> Setting<T> {
        Setting {
            value,
            place: Some(self.config.place(statement)),
        }
    }

    /// A directive of the server or of a section.
    fn directive(&self, name: &str) -> Option<(&str, StatementId)> {
        let id = self.layers.last(self.config, name)?;
        Some((self.config.statement(id).argument(0), id))
    }

    fn flag(&self, name: &str, default: bool) -> Setting<bool> {
        match self.directive(name) {
            Some((value, id)) => self.at(!value.eq_ignore_ascii_case("off"), id),
            None => Setting {
                value: default,
                place: None,
            },
        }
    }

    fn text(&self, name: &str) -> Option<Setting<String>> {
        let (value, id) = self.directive(name)?;
        Some(self.at(value.to_owned(), id))
    }

    /// Seconds without a unit.
    fn seconds(&self, name: &str) -> Option<Setting<u64>> {
        let (value, id) = self.directive(name)?;
        Some(self.at(time_ms(value, 1000)?, id))
    }

    fn parameter(&self, name: &str) -> Option<(&str, StatementId)> {
        self.backend.and_then(|backend| backend.parameter(name))
    }

    /// A parameter that is a time; a bare number counts this many milliseconds.
    fn parameter_ms(&self, name: &str, unit_ms: u64) -> Option<Setting<u64>> {
        let (value, id) = self.parameter(name)?;
        Some(self.at(time_ms(value, unit_ms)?, id))
    }

    fn parameter_number(&self, name: &str) -> Option<Setting<u64>> {
        let (value, id) = self.parameter(name)?;
        Some(self.at(value.parse().ok()?, id))
    }

    /// A parameter of the balancer itself.
    fn balancer_parameter(&self, name: &str) -> Option<Setting<String>> {
        let mut parameters = self.balancer?.parameters.iter().rev();
        let (_, value, id) = parameters.find(|(key, ..)| key.eq_ignore_ascii_case(name))?;
        Some(self.at(value.clone(), *id))
    }

    fn parameter_flag(&self, name: &str) -> Option<Setting<bool>> {
        let (value, id) = self.parameter(name)?;
        Some(self.at(value.eq_ignore_ascii_case("on"), id))
    }
}

/// `ap_timeout_parameter_parse`: a number and `ms`, `s`, `mi`, `min` or `h`.
pub(super) fn time_ms(text: &str, unit_ms: u64) -> Option<u64> {
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let scale = match unit.to_ascii_lowercase().as_str() {
        "" => unit_ms,
        "ms" => 1,
        "s" | "sec" => 1000,
        "mi" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(scale)
}

/// Settings of a route that is not proxied.
pub(super) fn local(config: &Config, server: usize) -> RouteSettings {
    RouteSettings {
        error_logs: logs::error_logs(config, server),
        access_logs: logs::access_logs(config, server),
        user: user(config),
        ..RouteSettings::default()
    }
}

fn user(config: &Config) -> Option<Setting<String>> {
    let id = config.server_setting(0, "User")?;
    Some(Setting {
        value: config.statement(id).argument(0).to_owned(),
        place: Some(config.place(id)),
    })
}

/// Settings of a proxied route.
pub(super) fn proxied(scope: &Scope<'_>) -> RouteSettings {
    let config = scope.config;
    let timeout = scope.seconds("Timeout").unwrap_or(Setting {
        value: 60_000,
        place: None,
    });
    let proxy_timeout = scope.seconds("ProxyTimeout");
    let read_timeout = scope
        .parameter_ms("timeout", 1000)
        .or_else(|| proxy_timeout.clone())
        .unwrap_or_else(|| timeout.clone());
    let connect_timeout = scope
        .parameter_ms("connectiontimeout", 1000)
        .unwrap_or_else(|| read_timeout.clone());
    let mut settings = local(config, scope.server);
    settings.connect_timeout = Some(connect_timeout);
    settings.send_timeout = Some(read_timeout.clone());
    settings.read_timeout = Some(read_timeout);
    settings.buffer_size = Some(scope.parameter_number("responsefieldsize").unwrap_or(Setting {
        value: 8192,
        place: None,
    }));
    let variables = variables(scope);
    let old = variables
        .iter()
        .find(|variable| variable.value.starts_with("force-proxy-request-1.0"));
    settings.http_version = match scope.scheme.as_str() {
        "h2" | "h2c" => Some(Setting {
            value: "2".to_owned(),
            place: None,
        }),
        "http" | "https" | "ws" | "wss" => Some(Setting {
            value: if old.is_some() { "1.0" } else { "1.1" }.to_owned(),
            place: old.and_then(|variable| variable.place.clone()),
        }),
        _ => None,
    };
    if matches!(scope.scheme.as_str(), "https" | "wss" | "h2") {
        let verify = scope.text("SSLProxyVerify");
        settings.tls_verify = Some(Setting {
            value: verify
                .as_ref()
                .is_some_and(|setting| !setting.value.eq_ignore_ascii_case("none")),
            place: verify.and_then(|setting| setting.place),
        });
        settings.tls_server_name = Some(Setting {
            value: true,
            place: None,
        });
        settings.tls_trusted_certificate = scope
            .text("SSLProxyCACertificateFile")
            .or_else(|| scope.text("SSLProxyCACertificatePath"));
        settings.tls_certificate = scope.text("SSLProxyMachineCertificateFile");
        settings.tls_ciphers = scope.text("SSLProxyCipherSuite");
        settings.tls_verify_depth = scope.text("SSLProxyVerifyDepth").and_then(|setting| {
            Some(Setting {
                value: setting.value.parse().ok()?,
                place: setting.place,
            })
        });
        settings.tls_protocols = scope.layers.last(config, "SSLProxyProtocol").map(|id| {
            let words = config.statement(id).arguments().iter();
            scope.at(protocols(words.map(|word| word.text)), id)
        });
    }
    settings.bind = scope.text("ProxySourceAddress");
    let retry = scope.parameter_ms("retry", 1000).unwrap_or(Setting {
        value: 60_000,
        place: None,
    });
    // FastCGI connections are kept only when that is asked for.
    let reuse = scope
        .parameter_flag("disablereuse")
        .map(|setting| Setting {
            value: !setting.value,
            place: setting.place,
        })
        .or_else(|| scope.parameter_flag("enablereuse"))
        .unwrap_or(Setting {
            value: scope.scheme != "fcgi" && scope.backend.is_some(),
            place: None,
        });
    let error_override = scope.flag("ProxyErrorOverride", false);
    settings.intercept_errors = Some(error_override.clone());
    settings.apache = Some(Box::new(ApacheSettings {
        timeout_ms: timeout,
        proxy_timeout_ms: proxy_timeout,
        worker: scope.backend.map(|backend| backend.url.clone()),
        ignored_parameters: scope
            .worker
            .map(|worker| worker.shared_by.iter().map(|id| config.place(*id)).collect())
            .unwrap_or_default(),
        retry_ms: retry,
        ttl_ms: scope.parameter_ms("ttl", 1000),
        keepalive: scope.parameter_flag("keepalive").unwrap_or_default(),
        reuse,
        io_buffer_bytes: scope
            .parameter_number("iobuffersize")
            .or_else(|| {
                let (value, id) = scope.directive("ProxyIOBufferSize")?;
                Some(scope.at(value.parse::<u64>().ok()?.max(IO_BUFFER_BYTES), id))
            })
            .unwrap_or(Setting {
                value: IO_BUFFER_BYTES,
                place: None,
            }),
        max_connections: scope.parameter_number("max"),
        acquire_ms: scope.parameter_ms("acquire", 1),
        ping_ms: scope.parameter_ms("ping", 1000),
        flush_packets: scope.parameter("flushpackets").map_or(
            Setting {
                value: "off".to_owned(),
                place: None,
            },
            |(value, id)| scope.at(value.to_ascii_lowercase(), id),
        ),
        upgrade: scope
            .parameter("upgrade")
            .map(|(value, id)| scope.at(value.to_owned(), id)),
        preserve_host: scope.flag("ProxyPreserveHost", false),
        error_override,
        bad_header: scope.text("ProxyBadHeader").unwrap_or(Setting {
            value: "IsError".to_owned(),
            place: None,
        }),
        tls_engine: scope.flag("SSLProxyEngine", false),
        tls_check_name: scope.flag("SSLProxyCheckPeerName", true),
        tls_check_common_name: scope.flag("SSLProxyCheckPeerCN", true),
        tls_check_expiry: scope.flag("SSLProxyCheckPeerExpire", true),
        request_header_changes: header_changes(scope),
        proxy_variables: variables,
        balancer_method: scope.balancer.map(|balancer| {
            let method = balancer
                .parameters
                .iter()
                .rev()
                .find(|(key, ..)| key.eq_ignore_ascii_case("lbmethod"));
            match method {
                Some((_, value, id)) => scope.at(value.clone(), *id),
                None => Setting {
                    value: "byrequests".to_owned(),
                    place: None,
                },
            }
        }),
        fail_on_status: scope.balancer_parameter("failonstatus"),
        remote_proxy: remote_proxy(scope),
        health_checks: health_checks(scope),
        missing_modules: Vec::new(),
    }));
    settings
}

/// The outgoing proxy that takes this backend's URL: the first `ProxyRemote` that matches. With `NoProxy` the
/// question is left open.
fn remote_proxy(scope: &Scope<'_>) -> Option<Setting<String>> {
    let config = scope.config;
    let url = scope.backend?.url.to_ascii_lowercase();
    if scope.layers.all(config, "NoProxy").next().is_some() {
        return None;
    }
    let id = scope.layers.all(config, "ProxyRemote").find(|id| {
        let wanted = config.statement(*id).argument(0).to_ascii_lowercase();
        wanted == "*"
            || wanted == scope.scheme.to_ascii_lowercase()
            || wanted.contains(':') && url.starts_with(&wanted)
    })?;
    Some(scope.at(config.statement(id).argument(1).to_owned(), id))
}

/// What `mod_proxy_hcheck` asks the members of the balancer; a member's own parameters come first.
fn health_checks(scope: &Scope<'_>) -> Vec<HealthCheck> {
    let Some(balancer) = scope.balancer else {
        return Vec::new();
    };
    let of_balancer = |name: &str| {
        let mut parameters = balancer.parameters.iter().rev();
        let found = parameters.find(|(key, ..)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value, id)| (value.clone(), *id))
    };
    let checks = balancer.members.iter().filter_map(|member| {
        let of = |name: &str| {
            let own = member.parameter(name).map(|(value, id)| (value.to_owned(), id));
            own.or_else(|| of_balancer(name))
        };
        let (method, id) = of("hcmethod")?;
        Some(HealthCheck {
            member: member.url.clone(),
            method: method.to_ascii_uppercase(),
            uri: of("hcuri").map(|(uri, _)| uri).unwrap_or_default(),
            expression: of("hcexpr").map(|(name, _)| name),
            place: scope.config.place(id),
        })
    });
    checks.filter(|check| check.method != "NONE").collect()
}

/// The versions that `SSLProxyProtocol` leaves on: words without a sign replace, `+` adds, `-` takes out.
fn protocols<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    const ALL: [&str; 4] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    let mut on: Vec<&str> = Vec::new();
    for word in words {
        let (sign, name) = match word.strip_prefix(['+', '-']) {
            Some(name) => (word.chars().next().unwrap_or('+'), name),
            None => ('=', word),
        };
        let meant: Vec<&str> = ALL
            .into_iter()
            .filter(|known| name.eq_ignore_ascii_case("all") || name.eq_ignore_ascii_case(known))
            .collect();
        if sign == '-' {
            on.retain(|known| !meant.contains(known));
        } else {
            let fresh = meant
                .into_iter()
                .filter(|known| !on.contains(known))
                .collect::<Vec<_>>();
            on.extend(fresh);
        }
    }
    ALL.into_iter()
        .filter(|known| on.contains(known))
        .map(str::to_owned)
        .collect()
}

/// `SetEnv` and its relatives that set what `mod_proxy` looks at.
fn variables(scope: &Scope<'_>) -> Vec<Setting<String>> {
    let mut found = Vec::new();
    for section in &scope.layers.sections {
        for id in scope.config.tree.children(*section) {
            let statement = scope.config.statement(id);
            let words: Vec<&str> = statement.arguments().iter().map(|word| word.text).collect();
            let names = match statement.name().to_ascii_lowercase().as_str() {
                "setenv" => words.get(..1),
                // A condition on the request stands before the names.
                "setenvif" | "setenvifnocase" => words.get(2..),
                "browsermatch" | "browsermatchnocase" => words.get(1..),
                _ => continue,
            };
            let about_proxy = |word: &&&str| {
                let name = word.split('=').next().unwrap_or_default();
                name.starts_with("proxy-") || name.starts_with("force-proxy-") || name == "no-proxy"
            };
            if names.unwrap_or_default().iter().any(|word| about_proxy(&word)) {
                let shown = if statement.is("SetEnv") {
                    words.join(" ")
                } else {
                    format!("{} {}", statement.name(), words.join(" "))
                };
                found.push(scope.at(shown, id));
            }
        }
    }
    found
}

/// `RequestHeader` lines that touch what decides about connection and virtual host of the backend.
fn header_changes(scope: &Scope<'_>) -> Vec<Setting<String>> {
    let lines = scope.layers.all(scope.config, "RequestHeader");
    lines
        .filter_map(|id| {
            let statement = scope.config.statement(id);
            let early = statement.argument(0).eq_ignore_ascii_case("early");
            let header = statement.argument(usize::from(early).saturating_add(1));
            let wanted = ["host", "connection", "upgrade", "expect", "content-length", "te"];
            wanted
                .iter()
                .any(|name| header.trim_end_matches(':').eq_ignore_ascii_case(name))
                .then(|| scope.at(statement.raw().to_owned(), id))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{protocols, time_ms};

    #[test]
    fn versions_are_added_and_taken_out() {
        let of = |text: &str| protocols(text.split(' ')).join(" ");
        assert_eq!(of("-all +TLSv1.2"), "TLSv1.2");
        assert_eq!(of("all -SSLv3 -TLSv1 -TLSv1.1"), "TLSv1.2 TLSv1.3");
        assert_eq!(of("TLSv1.3"), "TLSv1.3");
    }

    #[test]
    fn times_have_units() {
        assert_eq!(time_ms("5", 1000), Some(5000));
        assert_eq!(time_ms("500ms", 1000), Some(500));
        assert_eq!(time_ms("2min", 1000), Some(120_000));
        assert_eq!(time_ms("x", 1000), None);
    }
}
