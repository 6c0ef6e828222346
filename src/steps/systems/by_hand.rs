//! What a person types on this system for each step of the guide, with the names and addresses of this host in it.
//!
//! Said for macOS and Windows, whose words few have at hand; Linux stands in the pages of the steps.

use crate::evidence::{Platform, ProxyKind, Snapshot};
use crate::finding::StepId;
use crate::system::commands::{self, Verb};

/// The commands of a step on the system of this host; none on Linux.
pub(in crate::steps) fn by_hand(step: StepId, snapshot: &Snapshot) -> Vec<String> {
    let platform = snapshot.host.platform;
    if platform.is_linux() {
        return Vec::new();
    }
    let kind = snapshot.proxy.as_ref().map_or_else(
        || snapshot.route.seen().map_or(ProxyKind::Nginx, |route| route.proxy),
        |proxy| proxy.kind,
    );
    let own = proxy(snapshot, kind);
    let mut lines: Vec<(String, commands::Argv)> = Vec::new();
    let mut say = |what: &str, argv: commands::Argv| {
        if !argv.is_empty() {
            lines.push((what.to_owned(), argv));
        }
    };
    let endpoint = snapshot.endpoints.iter().find_map(|evidence| evidence.endpoint.tcp());
    let on_this_host = snapshot
        .endpoints
        .first()
        .is_some_and(|evidence| evidence.on_this_host);
    match step {
        StepId::Retry => {
            say(&format!("how {} is", kind.name()), own.status);
            say("its configuration, tested", own.test);
            say("read it again", own.reload);
            say("restart it", own.restart);
        }
        StepId::Upstream => {
            if let Some(endpoint) = endpoint {
                if on_this_host {
                    say(
                        "who listens there",
                        commands::listeners(platform, endpoint.port()),
                    );
                }
                say("whether it is reached", commands::reach(platform, endpoint));
                say(
                    "whether the machine answers",
                    commands::ping(platform, endpoint.ip()),
                );
            }
            for (what, argv) in commands::services(platform).iter().chain(commands::load(platform)) {
                say(what, owned(argv));
            }
        }
        StepId::Config => {
            let file = snapshot.config.seen().map(|config| config.main_file.clone());
            let usual: Vec<&str> = own
                .configs
                .iter()
                .copied()
                .filter(|path| file.as_deref() != Some(*path))
                .collect();
            say("its configuration, tested", own.test);
            if file.is_none() && !usual.is_empty() {
                return lines
                    .iter()
                    .map(|(what, argv)| line(platform, what, argv))
                    .chain(std::iter::once(format!(
                        "usual places on {}: {}",
                        platform.name(),
                        usual.join(", ")
                    )))
                    .collect();
            }
        }
        StepId::Firewall => {
            for (what, argv) in commands::firewall(platform) {
                say(what, owned(argv));
            }
            if let Some(endpoint) = endpoint {
                say(
                    "which way packets take",
                    commands::route_to(platform, endpoint.ip()),
                );
                // No rule is needed for what a host sends to itself.
                if !endpoint.ip().is_loopback() {
                    let (allow, undo) = commands::allow(platform, endpoint);
                    // On Windows a rule that blocks wins, so this helps against the default of a profile only.
                    let where_ = if platform == Platform::Windows {
                        "the profile blocks by default"
                    } else {
                        "a rule stops it"
                    };
                    say(
                        &format!("let the way to the upstream through, where {where_}"),
                        allow,
                    );
                    say("take that back", undo);
                }
            }
        }
        StepId::Dns => {
            let upstream = snapshot.names.iter().find(|name| name.role != "url");
            let name = upstream.or(snapshot.names.first()).map(|name| name.name.clone());
            if let Some(name) = &name {
                say("what programs get", commands::resolve(platform, name));
                let server = snapshot
                    .resolver
                    .seen()
                    .and_then(|resolver| resolver.nameservers.first())
                    .map(ToString::to_string);
                if let Some(server) = server {
                    say(
                        "what the nameserver says",
                        commands::ask_nameserver(platform, name, &server),
                    );
                }
            }
            for flush in commands::flushes(platform) {
                say(&format!("what {} holds or asks", flush.cache), owned(flush.show));
                for argv in flush.argv {
                    say(&format!("empty {}", flush.cache), owned(argv));
                }
            }
        }
        StepId::Bundle => {
            if let Some(log) = snapshot.log.files.iter().find(|file| file.kind == "error") {
                say("the log, by hand", commands::tail(platform, &log.path, 50));
            } else if let Some(log) = own.logs.first() {
                say("the log, by hand", commands::tail(platform, log, 50));
            }
            if let Some(unit) = stopped(snapshot) {
                say(
                    "what its service wrote",
                    commands::service(platform, Verb::Log, &unit),
                );
            }
        }
        StepId::Timeouts | StepId::Route => {}
    }
    lines.iter().map(|(what, argv)| line(platform, what, argv)).collect()
}

fn stopped(snapshot: &Snapshot) -> Option<String> {
    let units = snapshot.units.seen()?;
    units
        .iter()
        .find(|unit| unit.active == "failed")
        .map(|unit| unit.name.clone())
}

fn owned(argv: &[&str]) -> commands::Argv {
    argv.iter().map(|word| (*word).to_owned()).collect()
}

fn line(platform: Platform, what: &str, argv: &[String]) -> String {
    format!("{what}: {}", commands::typed(platform, argv))
}

/// The commands for the proxy of this host.
fn proxy(snapshot: &Snapshot, kind: ProxyKind) -> commands::ProxyCommands {
    let prefix = snapshot
        .proxy
        .as_ref()
        .map(|proxy| proxy.prefix.as_str())
        .filter(|prefix| !prefix.is_empty());
    commands::proxy(snapshot.host.platform, kind, prefix)
}

/// Test and reload of the proxy of this host, as typed on its system.
pub(in crate::steps) fn restarting(snapshot: &Snapshot, kind: ProxyKind) -> String {
    let platform = snapshot.host.platform;
    let own = proxy(snapshot, kind);
    let joined = if platform == Platform::Windows {
        "; "
    } else {
        " && "
    };
    format!(
        "{}{joined}{}",
        commands::typed(platform, &own.test),
        commands::typed(platform, &own.reload)
    )
}
