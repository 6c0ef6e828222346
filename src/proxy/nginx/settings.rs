//! The settings in force on a route, with nginx's inheritance and its defaults by version.

use super::tree::NodeId;
use super::variables::State;
use super::{Config, units};
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
    let environment = &lookup.config.environment;
    let tree = &lookup.config.tree;
    for (suffix, into) in [
        ("connect_timeout", &mut settings.connect_timeout),
        ("send_timeout", &mut settings.send_timeout),
        ("read_timeout", &mut settings.read_timeout),
    ] {
        *into = lookup.setting(suffix, Some(60_000), units::milliseconds);
    }
    settings.buffer_size = lookup.setting("buffer_size", Some(environment.page_size), |text| {
        units::bytes(text, false)
    });
    settings.next_upstream = Some(lookup.list("next_upstream", &["error", "timeout"]));
    settings.bind = lookup.text("bind", None).filter(|bind| bind.value != "off");
    let no_errors_flag = matches!(pass.protocol, Protocol::Memcached);
    if !no_errors_flag {
        settings.intercept_errors = lookup.setting("intercept_errors", Some(false), units::flag);
    }
    match pass.protocol {
        Protocol::Http => {
            let version = if environment.at_least(1, 29, 7) {
                "1.1"
            } else {
                "1.0"
            };
            settings.http_version = lookup.setting("http_version", Some(version.to_owned()), |text| {
                Some(text.to_owned())
            });
            settings.request_headers = request_headers(lookup, "proxy_set_header", pass);
        }
        Protocol::Grpc => {
            settings.http_version = Some(Setting {
                value: "2".to_owned(),
                place: None,
            });
            settings.request_headers = lookup.pairs("grpc_set_header");
        }
        Protocol::FastCgi => settings.parameters = lookup.pairs("fastcgi_param"),
        Protocol::Uwsgi => settings.parameters = lookup.pairs("uwsgi_param"),
        Protocol::Scgi => settings.parameters = lookup.pairs("scgi_param"),
        Protocol::Ajp | Protocol::Memcached => {}
    }
    if pass.tls {
        settings.tls_server_name = lookup.setting("ssl_server_name", Some(false), units::flag);
        let name = pass.proxy_host.clone();
        settings.tls_name = lookup.text("ssl_name", (!name.is_empty()).then_some(name));
        settings.tls_verify = lookup.setting("ssl_verify", Some(false), units::flag);
        settings.tls_trusted_certificate = lookup.file("ssl_trusted_certificate");
        settings.tls_verify_depth = lookup.setting("ssl_verify_depth", Some(1), units::number);
        settings.tls_certificate = lookup.file("ssl_certificate");
        let protocols: &[&str] = if environment.at_least(1, 27, 3) {
            &["TLSv1.2", "TLSv1.3"]
        } else if environment.at_least(1, 23, 4) {
            &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
        } else {
            &["TLSv1", "TLSv1.1", "TLSv1.2"]
        };
        settings.tls_protocols = Some(lookup.list("ssl_protocols", protocols));
        settings.tls_ciphers = lookup.setting("ssl_ciphers", Some("DEFAULT".to_owned()), |text| {
            Some(text.to_owned())
        });
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
    if lacks(&headers, "Connection") && !lookup.config.environment.at_least(1, 29, 7) {
        headers.push(("Connection".to_owned(), "close".to_owned()));
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
        settings.resolver_timeout = lookup.named("resolver_timeout", Some(30_000), units::milliseconds);
    }
    settings.error_page_502 = tree
        .nearest_all(lookup.block, "error_page")
        .into_iter()
        .find(|node| tree.arguments(*node).any(|word| word == "502"))
        .map(|node| Setting {
            value: tree.arguments(node).collect::<Vec<_>>().join(" "),
            place: Some(config.place(node)),
        });
    settings.client_max_body_size = lookup.named("client_max_body_size", Some(1024 * 1024), |text| {
        units::bytes(text, true)
    });
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
        None => Some(Setting {
            value: 512,
            place: None,
        }),
    };
    settings.worker_rlimit_nofile = main("", "worker_rlimit_nofile").and_then(number);
    settings.user = main("", "user").map(|node| Setting {
        value: tree.argument(node, 0).to_owned(),
        place: Some(config.place(node)),
    });
}

fn absolute(config: &Config, target: &str) -> String {
    if target.starts_with('/')
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
    let found = tree.nearest_all(block, "error_log");
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
    let found = tree.nearest_all(lookup.block, "access_log");
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
