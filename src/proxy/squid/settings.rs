//! The effective settings: the last line of a directive counts, else the default of the version.

use super::{Config, directives, words};
use crate::evidence::{LogTarget, Place, RouteSettings, Setting, SquidSettings};

impl Config {
    /// The statement in force for a directive.
    pub(super) fn in_force(&self, name: &str) -> Option<usize> {
        usize::try_from(*self.numbers.get(name)?.last()?).ok()
    }

    fn setting<T>(&self, name: &str, read: impl Fn(&str, &str) -> Option<T>) -> Setting<Option<T>> {
        if let Some(number) = self.in_force(name)
            && let Some(statement) = self.statement(number)
        {
            let value = read(statement.word(0), statement.word(1));
            if value.is_some() {
                return Setting {
                    value,
                    place: Some(self.source.place(&statement)),
                };
            }
        }
        let default =
            directives::find(name).and_then(|directive| directive.default_in(self.environment.major()));
        let mut parts = default.unwrap_or_default().splitn(2, ' ');
        let value = read(parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        Setting { value, place: None }
    }

    fn time(&self, name: &str) -> Setting<u64> {
        or_default(self.setting(name, words::time_ms))
    }

    fn number(&self, name: &str) -> Setting<u64> {
        or_default(self.setting(name, |word, _| u64::try_from(words::integer(word)?).ok()))
    }

    fn flag(&self, name: &str) -> Setting<bool> {
        or_default(self.setting(name, |word, _| match word {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        }))
    }

    fn text(&self, name: &str, built: &str) -> Setting<String> {
        let found = self.setting(name, |word, _| {
            (!word.is_empty() && !word.contains("@DEFAULT")).then(|| word.to_owned())
        });
        Setting {
            value: found.value.unwrap_or_else(|| built.to_owned()),
            place: found.place,
        }
    }

    /// `retry_on_error`, `prefer_direct` and others by name.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.flag(name).value
    }

    /// Squid goes straight to servers that it has measured as near.
    pub(super) fn measures_distance(&self) -> bool {
        let rtt = self.setting("minimum_direct_rtt", words::time_ms).value;
        rtt.is_none_or(|rtt| rtt > 0) || self.number("minimum_direct_hops").value > 0
    }

    /// How long connecting may take, in milliseconds: to peers, and straight to servers.
    pub(super) fn connect_timeouts_ms(&self) -> (u64, u64) {
        (
            self.time("peer_connect_timeout").value,
            self.time("connect_timeout").value,
        )
    }
}

fn or_default<T: Default>(setting: Setting<Option<T>>) -> Setting<T> {
    Setting {
        value: setting.value.unwrap_or_default(),
        place: setting.place,
    }
}

/// What does not depend on the request.
pub(super) fn general(config: &Config) -> (RouteSettings, SquidSettings) {
    let environment = &config.environment;
    let outgoing = config.in_force("tls_outgoing_options");
    let squid = SquidSettings {
        connect_timeout_ms: config.time("connect_timeout"),
        peer_connect_timeout_ms: config.time("peer_connect_timeout"),
        request_timeout_ms: config.time("request_timeout"),
        forward_timeout_ms: config.time("forward_timeout"),
        forward_max_tries: config.number("forward_max_tries"),
        dead_peer_timeout_ms: config.time("dead_peer_timeout"),
        server_idle_timeout_ms: config.time("server_idle_pconn_timeout"),
        retry_on_error: config.flag("retry_on_error"),
        connect_retries: config.number("connect_retries"),
        negative_dns_ttl_ms: config.time("negative_dns_ttl"),
        positive_dns_ttl_ms: config.time("positive_dns_ttl"),
        visible_hostname: config.text("visible_hostname", &environment.hostname),
        via: config.flag("via"),
        forwarded_for: config.text("forwarded_for", "on"),
        pid_file: config.text("pid_filename", &environment.pid_file),
        tls_outgoing_options: Setting {
            value: outgoing
                .and_then(|number| config.statement(number))
                .map(|statement| statement.rest().trim().to_owned())
                .unwrap_or_default(),
            place: outgoing.map(|number| config.place_of(Some(number))),
        },
        dns_v4_first: config.flag("dns_v4_first"),
        ..SquidSettings::default()
    };
    let settings = RouteSettings {
        send_timeout: Some(config.time("write_timeout")),
        read_timeout: Some(config.time("read_timeout")),
        buffer_size: Some(or_default(
            config.setting("reply_header_max_size", |value, unit| {
                words::size_bytes(value, unit, 1)
            }),
        )),
        http_version: Some(Setting {
            value: "1.1".to_owned(),
            place: None,
        }),
        resolver: resolver(config),
        resolver_timeout: Some(config.time("dns_timeout")),
        error_logs: vec![cache_log(config)],
        access_logs: access_logs(config),
        worker_rlimit_nofile: Some(config.number("max_filedescriptors")).filter(|limit| limit.value > 0),
        user: Some(config.text("cache_effective_user", &environment.user)),
        client_max_body_size: Some(or_default(
            config.setting("request_body_max_size", |value, unit| {
                words::size_bytes(value, unit, 1)
            }),
        )),
        ..RouteSettings::default()
    };
    (settings, squid)
}

fn cache_log(config: &Config) -> LogTarget {
    let built = format!("{}/cache.log", config.environment.log_directory);
    let log = config.text("cache_log", &built);
    LogTarget {
        target: log.value,
        format: String::new(),
        place: log.place,
    }
}

/// All `dns_nameservers` lines together; `None`: those of /etc/resolv.conf.
fn resolver(config: &Config) -> Option<Setting<Vec<String>>> {
    let mut servers = Vec::new();
    let mut place: Option<Place> = None;
    for (_, statement) in statements(config, "dns_nameservers") {
        for word in statement.words() {
            let server = match word.parse::<std::net::IpAddr>() {
                Ok(address) => std::net::SocketAddr::new(address, 53).to_string(),
                Err(_) => word.to_owned(),
            };
            servers.push(server);
        }
        place.get_or_insert_with(|| config.source.place(&statement));
    }
    (!servers.is_empty()).then_some(Setting {
        value: servers,
        place,
    })
}

/// All statements of a directive, with their numbers.
pub(super) fn statements<'a>(
    config: &'a Config,
    name: &str,
) -> impl Iterator<Item = (usize, super::Statement)> + use<'a> {
    let numbers = config.numbers.get(name).map(Vec::as_slice).unwrap_or_default();
    numbers.iter().filter_map(|number| {
        let number = usize::try_from(*number).ok()?;
        Some((number, config.statement(number)?))
    })
}

/// Where accesses are logged, each with the text of its format.
fn access_logs(config: &Config) -> Vec<LogTarget> {
    let mut logs = Vec::new();
    let formats: foldhash::HashMap<String, String> = statements(config, "logformat")
        .map(|(_, statement)| {
            let text: Vec<&str> = statement.words_from(1).collect();
            (statement.word(0).to_owned(), text.join(" "))
        })
        .collect();
    for (_, statement) in statements(config, "access_log") {
        let target = statement.word(0);
        let named = statement.words().find_map(|word| word.strip_prefix("logformat="));
        let second = statement.word(1);
        let is_format = !second.contains('=') && config.acls.find(second.trim_start_matches('!')).is_none();
        let format = named
            .or_else(|| Some(second).filter(|word| is_format && !word.is_empty()))
            .unwrap_or("squid");
        logs.push(LogTarget {
            target: if target == "none" {
                "off".to_owned()
            } else {
                path_of(target)
            },
            format: formats.get(format).cloned().unwrap_or_else(|| format.to_owned()),
            place: Some(config.source.place(&statement)),
        });
    }
    if logs.is_empty() {
        logs.push(LogTarget {
            target: format!("{}/access.log", config.environment.log_directory),
            format: "squid".to_owned(),
            place: None,
        });
    }
    logs
}

/// The path of a module that writes files; other modules as written.
fn path_of(target: &str) -> String {
    let path = ["daemon:", "stdio:"]
        .iter()
        .find_map(|module| target.strip_prefix(module));
    path.unwrap_or(target).to_owned()
}
