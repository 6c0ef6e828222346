//! The name in the certificate of the backend is checked, even without `SSLProxyVerify`.

use super::super::{Config, ROOT, target};
use super::{Check, Need, Rule, backends, problem};
use crate::evidence::{Certificate, ConfigProblem, Endpoint, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A007-sslproxy-name",
        proxy: ProxyKind::Apache,
        title: "the certificate of the backend is not for the name that is checked",
        level: ProblemLevel::Error,
        cause: Some("tls-cert-name-mismatch"),
        needs: Some(Need::Probes),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if around.endpoints.is_empty() {
        return;
    }
    // A section may switch the check off, or the name to another, for any backend.
    let unsure = config.statements().any(|(_, statement)| {
        let parent = statement.parent();
        let in_server = parent == ROOT || config.statement(parent).is("VirtualHost");
        statement.is("SSLProxyCheckPeerName") && statement.argument(0).eq_ignore_ascii_case("off")
            || statement.is("ProxyPreserveHost") && !in_server
    });
    if unsure {
        return;
    }
    for target in backends::targets(config) {
        let tls = target::protocol(&target.scheme()).is_some_and(|(_, tls, _)| tls);
        let Some(url) = target.parsed().filter(|_| tls && !backends::is_dynamic(target.url)) else {
            continue;
        };
        let preserved = backends::flag(config, target.server, "ProxyPreserveHost") == Some(true);
        let name = if preserved {
            around.target.host.clone()
        } else {
            url.host.clone()
        };
        if name.is_empty() || preserved && around.target.url.is_none() {
            continue;
        }
        let certificates: Vec<&Certificate> = around
            .endpoints
            .iter()
            .filter(|evidence| match &evidence.endpoint {
                Endpoint::Tcp(address) => {
                    Some(address.port()) == url.port_number()
                        && (evidence.name.as_deref() == Some(url.host.as_str())
                            || url.host.parse() == Ok(address.ip())
                            || url.host == "localhost" && address.ip().is_loopback())
                }
                Endpoint::Unix(path) => url.socket.as_ref() == Some(path),
            })
            .flat_map(|evidence| &evidence.probes)
            .filter_map(|probe| probe.exchange.seen()?.tls.as_ref()?.chain.first())
            .collect();
        if certificates.is_empty() || certificates.iter().any(|certificate| is_for(certificate, &name)) {
            continue;
        }
        let names: Vec<&str> = certificates
            .iter()
            .flat_map(|certificate| certificate.names.iter().map(String::as_str))
            .take(4)
            .collect();
        let shown = if names.is_empty() {
            "no name".to_owned()
        } else {
            names.join(", ")
        };
        let message = format!(
            "the certificate of {} is for {shown}, and is checked for \"{name}\"",
            url.authority()
        );
        let mut found = problem(config, &CHECK.rule, target.statement, message);
        "500 always: Error during SSL Handshake with remote server".clone_into(&mut found.effect);
        found.repair = Some("SSLProxyCheckPeerName off".to_owned());
        if !preserved && let [only] = names.as_slice() {
            found.repair = Some(format!("use the name {only} in the URL"));
        }
        problems.push(found);
    }
}

/// One `*` stands for the first label; the common name counts as well.
fn is_for(certificate: &Certificate, name: &str) -> bool {
    let matches = |known: &str| {
        let known = known.to_ascii_lowercase();
        known == name
            || known
                .strip_prefix('*')
                .and_then(|suffix| name.strip_suffix(suffix))
                .is_some_and(|label| !label.is_empty() && !label.contains('.'))
    };
    certificate.names.iter().any(|known| matches(known))
        || certificate
            .subject
            .split(',')
            .filter_map(|part| part.trim().strip_prefix("CN="))
            .any(matches)
}
