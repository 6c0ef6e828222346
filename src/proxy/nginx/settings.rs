//! The settings in force on a route, with nginx's inheritance and its defaults by version.

use super::tree::NodeId;
use super::variables::State;
use super::{Config, defaults, units};
use crate::evidence::{LogTarget, Pass, Protocol, RouteSettings, Setting};

/// The text of `log_format combined`, which is built in.
const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"";

struct Lookup<'s, 'a> {
    state: &'s State<'a>,
    config: &'a Config,
    block: NodeId,
    prefix: &'static str,
}

impl Lookup<'_, '_> {
    fn nearest(&self, suffix: &str) -> Option<NodeId> {
        self.config
            .tree
            .nearest(self.block, &format!("{}_{suffix}", self.prefix))
    }

    fn setting<T>(
        &self,
        suffix: &str,
        default: Option<T>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Setting<T>> {
        self.named(&format!("{}_{suffix}", self.prefix), default, read)
    }

    fn named<T>(
        &self,
        name: &str,
        default: Option<T>,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Setting<T>> {
        let tree = &self.config.tree;
        match tree.nearest(self.block, name) {
            Some(node) => read(tree.argument(node, 0)).map(|value| Setting {
                value,
                place: Some(self.config.place(node)),
            }),
            None => default.map(|value| Setting { value, place: None }),
        }
    }

    /// A setting of the protocol, with the default of this version.
    fn known<T>(&self, suffix: &str, read: impl Fn(&str) -> Option<T>) -> Option<Setting<T>> {
        let default = defaults::of(&self.config.environment, self.prefix, suffix);
        self.setting(suffix, default.and_then(|text| read(&text)), read)
    }

    /// A setting of `http` that has no prefix, with the default of this version.
    fn common<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<Setting<T>> {
        let default = defaults::of(&self.config.environment, "http", name);
        self.named(name, default.and_then(|text| read(&text)), read)
    }

    /// As [`Self::known`], all words.
    fn known_list(&self, suffix: &str) -> Setting<Vec<String>> {
        let default = defaults::of(&self.config.environment, self.prefix, suffix).unwrap_or_default();
        self.list(suffix, &default.split_whitespace().collect::<Vec<_>>())
    }

    fn text(&self, suffix: &str, default: Option<String>) -> Option<Setting<String>> {
        self.setting(suffix, default, |text| {
            Some(self.state.evaluate(text).unwrap_or_else(|_| text.to_owned()))
        })
    }

    fn list(&self, suffix: &str, default: &[&str]) -> Setting<Vec<String>> {
        let tree = &self.config.tree;
        match self.nearest(suffix) {
            Some(node) => Setting {
                value: tree.arguments(node).map(str::to_owned).collect(),
                place: Some(self.config.place(node)),
            },
            None => Setting {
                value: default.iter().map(|word| (*word).to_owned()).collect(),
                place: None,
            },
        }
    }

    fn file(&self, suffix: &str) -> Option<Setting<String>> {
        // nginx takes these relative to the directory of its main file.
        let main = self
            .config
            .tree
            .files
            .first()
            .map(|file| file.path.as_str())
            .unwrap_or_default();
        let base = main.rsplit_once('/').map_or("", |(directory, _)| directory);
        self.setting(suffix, None, |text| {
            let absolute =
                if text.starts_with('/') || text.contains('$') || text.contains(':') || text.is_empty() {
                    text.to_owned()
                } else {
                    format!("{base}/{text}")
                };
            Some(absolute)
        })
    }

    fn pairs(&self, directive: &str) -> Vec<(String, String)> {
        let tree = &self.config.tree;
        let mut pairs = Vec::new();
        for node in tree.nearest_all(self.block, directive) {
            let (name, value) = (tree.argument(node, 0), tree.argument(node, 1));
            pairs.push((
                name.to_owned(),
                self.state.evaluate(value).unwrap_or_else(|_| value.to_owned()),
            ));
        }
        pairs
    }
}

/// Collects the settings in force in the state's block; those of the upstream's protocol only with a pass.
pub(super) fn collect(state: &State<'_>, pass: Option<&Pass>) -> RouteSettings {
    let config = state.config;
    let protocol = pass.map_or(Protocol::Http, |pass| pass.protocol);
    let lookup = Lookup {
        state,
        config,
        block: state.block,
        prefix: protocol.directive_prefix(),
    };
    let mut settings = RouteSettings::default();
    if let Some(pass) = pass {
        upstream(&lookup, pass, &mut settings);
    }
    common(&lookup, &mut settings);
    settings
}

fn upstream(lookup: &Lookup<'_, '_>, pass: &Pass, settings: &mut RouteSettings) {
    let tree = &lookup.config.tree;
    let bytes = |text: &str| units::bytes(text, false);
    settings.connect_timeout = lookup.known("connect_timeout", units::milliseconds);
    settings.send_timeout = lookup.known("send_timeout", units::milliseconds);
    settings.read_timeout = lookup.known("read_timeout", units::milliseconds);
    settings.buffer_size = lookup.known("buffer_size", bytes);
    settings.buffers = buffers(lookup);
    settings.busy_buffers_size = busy(lookup, settings);
    settings.buffering = lookup.known("buffering", units::flag);
    settings.request_buffering = lookup.known("request_buffering", units::flag);
    settings.ignore_client_abort = lookup.known("ignore_client_abort", units::flag);
    settings.next_upstream = Some(lookup.known_list("next_upstream"));
    settings.next_upstream_tries = lookup.known("next_upstream_tries", units::number);
    settings.next_upstream_timeout = lookup.known("next_upstream_timeout", units::milliseconds);
    settings.socket_keepalive = lookup.known("socket_keepalive", units::flag);
    settings.keep_connection = lookup.known("keep_conn", units::flag);
    settings.bind = lookup.text("bind", None).filter(|bind| bind.value != "off");
    settings.intercept_errors = lookup.known("intercept_errors", units::flag);
    settings.http_version = lookup.known("http_version", |text| Some(text.to_owned()));
    match pass.protocol {
        Protocol::Http => settings.request_headers = request_headers(lookup, "proxy_set_header", pass),
        Protocol::Grpc => settings.request_headers = lookup.pairs("grpc_set_header"),
        Protocol::FastCgi => settings.parameters = lookup.pairs("fastcgi_param"),
        Protocol::Uwsgi => settings.parameters = lookup.pairs("uwsgi_param"),
        Protocol::Scgi => settings.parameters = lookup.pairs("scgi_param"),
        Protocol::Ajp | Protocol::Memcached => {}
    }
    if pass.tls {
        settings.tls_server_name = lookup.known("ssl_server_name", units::flag);
        let name = pass.proxy_host.clone();
        settings.tls_name = lookup.text("ssl_name", (!name.is_empty()).then_some(name));
        settings.tls_verify = lookup.known("ssl_verify", units::flag);
        settings.tls_trusted_certificate = lookup.file("ssl_trusted_certificate");
        settings.tls_verify_depth = lookup.known("ssl_verify_depth", units::number);
        settings.tls_certificate = lookup.file("ssl_certificate");
        settings.tls_session_reuse = lookup.known("ssl_session_reuse", units::flag);
        settings.tls_protocols = Some(lookup.known_list("ssl_protocols"));
        settings.tls_ciphers = lookup.known("ssl_ciphers", |text| Some(text.to_owned()));
    }
    settings.cache = lookup.text("cache", None).filter(|zone| zone.value != "off");
    if settings.cache.is_some() {
        for node in tree.nearest_all(lookup.block, &format!("{}_cache_valid", lookup.prefix)) {
            let words: Vec<&str> = tree.arguments(node).collect();
            let Some((time, statuses)) = words.split_last() else {
                continue;
            };
            if !statuses.iter().any(|status| matches!(*status, "any" | "502")) {
                continue;
            }
            if let Some(value) = units::seconds_as_milliseconds(time) {
                settings.cache_valid_502 = Some(Setting {
                    value,
                    place: Some(lookup.config.place(node)),
                });
                break;
            }
        }
    }
}

/// `*_buffers`.
fn buffers(lookup: &Lookup<'_, '_>) -> Option<Setting<(u64, u64)>> {
    let tree = &lookup.config.tree;
    let pair = |count: &str, size: &str| Some((units::number(count)?, units::bytes(size, false)?));
    if let Some(node) = lookup.nearest("buffers") {
        pair(tree.argument(node, 0), tree.argument(node, 1)).map(|value| Setting {
            value,
            place: Some(lookup.config.place(node)),
        })
    } else {
        let default = defaults::of(&lookup.config.environment, lookup.prefix, "buffers")?;
        let (count, size) = default.split_once(' ')?;
        pair(count, size).map(|value| Setting { value, place: None })
    }
}

/// `*_busy_buffers_size`; by default two of the larger buffers.
fn busy(lookup: &Lookup<'_, '_>, settings: &RouteSettings) -> Option<Setting<u64>> {
    let one = settings.buffers.as_ref()?.value.1;
    let largest = settings.buffer_size.as_ref().map_or(one, |size| size.value.max(one));
    let default = largest.checked_mul(2);
    lookup.setting("busy_buffers_size", default, |text| units::bytes(text, false))
}

/// The request headers: the configured set, and nginx's defaults for those it lacks.
fn request_headers(lookup: &Lookup<'_, '_>, directive: &str, pass: &Pass) -> Vec<(String, String)> {
    let mut headers = lookup.pairs(directive);
    let lacks = |headers: &[(String, String)], name: &str| {
        !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    if lacks(&headers, "Host") {
        let value = if pass.proxy_host.is_empty() {
            "$proxy_host"
        } else {
            &pass.proxy_host
        };
        headers.push(("Host".to_owned(), value.to_owned()));
    }
    let connection = defaults::of(&lookup.config.environment, "proxy", "connection_header");
    if let Some(value) = connection.filter(|value| !value.is_empty() && lacks(&headers, "Connection")) {
        headers.push(("Connection".to_owned(), value));
    }
    headers
}

fn common(lookup: &Lookup<'_, '_>, settings: &mut RouteSettings) {
    let config = lookup.config;
    let tree = &config.tree;
    if let Some(node) = tree.nearest(lookup.block, "resolver") {
        let is_option = |word: &&str| {
            ["valid=", "ipv4=", "ipv6=", "status_zone="]
                .iter()
                .any(|name| word.starts_with(name))
        };
        let addresses = tree
            .arguments(node)
            .filter(|word| !is_option(word))
            .map(|word| {
                let bare_six = word.starts_with('[') && word.ends_with(']');
                if bare_six || !word.contains(':') {
                    format!("{word}:53")
                } else {
                    word.to_owned()
                }
            })
            .collect();
        settings.resolver = Some(Setting {
            value: addresses,
            place: Some(config.place(node)),
        });
        settings.resolver_ipv6_off = tree.arguments(node).any(|word| word == "ipv6=off");
        settings.resolver_timeout = lookup.common("resolver_timeout", units::milliseconds);
    }
    settings.error_page_502 = tree
        .nearest_all(lookup.block, "error_page")
        .into_iter()
        .find(|node| tree.arguments(*node).any(|word| word == "502"))
        .map(|node| Setting {
            value: tree.arguments(node).collect::<Vec<_>>().join(" "),
            place: Some(config.place(node)),
        });
    settings.client_max_body_size = lookup.common("client_max_body_size", |text| units::bytes(text, true));
    settings.error_logs = error_logs(config, lookup.block);
    settings.access_logs = access_logs(lookup);
    let main = |block: &str, name: &str| -> Option<NodeId> {
        let block = if block.is_empty() {
            super::tree::ROOT
        } else {
            tree.first(super::tree::ROOT, block)?
        };
        tree.first(block, name)
    };
    let number = |node: NodeId| {
        units::number(tree.argument(node, 0)).map(|value| Setting {
            value,
            place: Some(config.place(node)),
        })
    };
    settings.worker_connections = match main("events", "worker_connections") {
        Some(node) => number(node),
        None => defaults::of(&config.environment, "http", "worker_connections")
            .and_then(|text| units::number(&text))
            .map(|value| Setting { value, place: None }),
    };
    settings.worker_rlimit_nofile = main("", "worker_rlimit_nofile").and_then(number);
    settings.user = main("", "user").map(|node| Setting {
        value: tree.argument(node, 0).to_owned(),
        place: Some(config.place(node)),
    });
}

fn absolute(config: &Config, target: &str) -> String {
    if crate::proxy::is_absolute(target)
        || matches!(target, "stderr" | "off")
        || ["syslog:", "memory:"].iter().any(|scheme| target.starts_with(scheme))
    {
        target.to_owned()
    } else {
        format!("{}/{target}", config.environment.prefix.trim_end_matches('/'))
    }
}

/// The error logs in force in a block.
pub(super) fn error_logs(config: &Config, block: NodeId) -> Vec<LogTarget> {
    let tree = &config.tree;
    let found: Vec<NodeId> = tree.nearest_all(block, "error_log").collect();
    if found.is_empty() {
        let default = config
            .environment
            .build_error_log
            .as_deref()
            .unwrap_or("logs/error.log");
        return vec![LogTarget {
            target: absolute(config, default),
            format: "error".to_owned(),
            place: None,
        }];
    }
    found
        .into_iter()
        .map(|node| LogTarget {
            target: absolute(config, tree.argument(node, 0)),
            format: tree.arguments(node).nth(1).unwrap_or("error").to_owned(),
            place: Some(config.place(node)),
        })
        .collect()
}

fn access_logs(lookup: &Lookup<'_, '_>) -> Vec<LogTarget> {
    let config = lookup.config;
    let tree = &config.tree;
    let found: Vec<NodeId> = tree.nearest_all(lookup.block, "access_log").collect();
    if found.is_empty() {
        let default = config
            .environment
            .build_access_log
            .as_deref()
            .unwrap_or("logs/access.log");
        return vec![LogTarget {
            target: absolute(config, default),
            format: COMBINED.to_owned(),
            place: None,
        }];
    }
    found
        .into_iter()
        .map(|node| {
            let target = tree.argument(node, 0);
            let target = lookup.state.evaluate(target).unwrap_or_else(|_| target.to_owned());
            let name = tree
                .arguments(node)
                .nth(1)
                .filter(|word| !word.contains('='))
                .unwrap_or("combined");
            LogTarget {
                target: absolute(config, &target),
                format: if target == "off" {
                    String::new()
                } else {
                    log_format(config, name)
                },
                place: Some(config.place(node)),
            }
        })
        .collect()
}

/// The text of a `log_format`; empty when there is none of this name.
fn log_format(config: &Config, name: &str) -> String {
    let tree = &config.tree;
    let found = tree.http_blocks().find_map(|http| {
        tree.named(http, "log_format")
            .find(|node| tree.argument(*node, 0) == name)
    });
    match found {
        Some(node) => tree
            .arguments(node)
            .skip(1)
            .filter(|word| !word.starts_with("escape="))
            .collect(),
        None if name == "combined" => COMBINED.to_owned(),
        None => String::new(),
    }
}
