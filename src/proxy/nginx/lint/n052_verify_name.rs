//! With `proxy_ssl_verify` the certificate has to be for `proxy_ssl_name`.

use super::super::variables::has_variables;
use super::super::{Config, pass};
use super::upstreams::{self, Around, Hop, Line};
use super::{Check, Rule, edits, problem};
use crate::evidence::{Certificate, ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N052-verify-name",
        proxy: ProxyKind::Nginx,
        title: "the certificate is verified for a name that it is not for",
        level: ProblemLevel::Error,
        cause: Some("tls-cert-name-mismatch"),
        needs: None,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if upstreams::some_unread(config) {
        return;
    }
    let groups = upstreams::group_names(config);
    let around = Around::new(around);
    let mut judged = foldhash::HashSet::default();
    for line in upstreams::lines(config) {
        let hop = line.hop;
        if !hop.tls || !hop.is_on(config, "ssl_verify") {
            continue;
        }
        let Some(name) = verified_name(config, hop) else {
            continue;
        };
        let certificates: Vec<&Certificate> = around
            .endpoints(line.address)
            .into_iter()
            .flat_map(|evidence| &evidence.probes)
            .filter_map(|probe| probe.exchange.seen()?.tls.as_ref()?.chain.first())
            .collect();
        if certificates.is_empty() {
            // Guess once for a pass, not for each server of its group.
            if judged.insert(hop.node)
                && let Some(names) = hop.group.and_then(|group| groups.get(&group))
            {
                by_the_names(config, hop, &name, names, problems);
            }
            continue;
        }
        if !certificates.iter().any(|certificate| is_for(certificate, &name)) {
            by_the_certificate(config, &line, &name, &certificates, problems);
        }
    }
}

/// The name that nginx compares, without port; `None` when only a request tells.
fn verified_name(config: &Config, hop: &Hop) -> Option<String> {
    let written = match hop.setting(config, "ssl_name") {
        None | Some("$proxy_host") => hop.host().to_owned(),
        Some(name) => pass::host_and_port(name).0.to_owned(),
    };
    (!written.is_empty() && !has_variables(&written)).then_some(written)
}

/// Without a certificate at hand: a group whose servers have a name is not verified under that name.
fn by_the_names(
    config: &Config,
    hop: &Hop,
    name: &str,
    names: &upstreams::GroupNames,
    problems: &mut Vec<ConfigProblem>,
) {
    // With the server name on, the rule about that name says the same.
    let by_default = hop
        .setting(config, "ssl_name")
        .is_none_or(|name| name == "$proxy_host");
    let Some(public) = names.first_public.as_ref().filter(|_| by_default) else {
        return;
    };
    if hop.is_on(config, "ssl_server_name") || upstreams::is_public_name(name) {
        return;
    }
    let message =
        format!("the certificate of {public} has to be for \"{name}\", the name of the upstream group");
    let mut found = problem(config, &CHECK.rule, hop.node, message);
    found.level = ProblemLevel::Warning;
    "502 always, unless the certificate is for that name".clone_into(&mut found.effect);
    let prefix = hop.protocol.directive_prefix();
    let repair = format!("{prefix}_ssl_name {public};");
    if names.only_one && hop.directive(config, "ssl_name").is_none() {
        found.edit = edits::insert_before(config, hop.node, std::slice::from_ref(&repair));
    }
    found.repair = Some(repair);
    problems.push(found);
}

fn by_the_certificate(
    config: &Config,
    line: &Line<'_>,
    name: &str,
    certificates: &[&Certificate],
    problems: &mut Vec<ConfigProblem>,
) {
    let names: Vec<&str> = certificates
        .first()
        .map(|certificate| certificate.names.iter().take(4).map(String::as_str).collect())
        .unwrap_or_default();
    let hop = line.hop;
    let message = format!(
        "the certificate of {} is for {}, and is verified for \"{name}\"",
        upstreams::shown(line.address),
        if names.is_empty() {
            "no name".to_owned()
        } else {
            names.join(", ")
        }
    );
    let mut found = problem(config, &CHECK.rule, line.node, message);
    if line.others {
        found.level = ProblemLevel::Warning;
        "502 when no other server of the group answers in its place".clone_into(&mut found.effect);
    } else {
        "502 always: upstream SSL certificate does not match".clone_into(&mut found.effect);
    }
    let prefix = hop.protocol.directive_prefix();
    // Which of several names is wanted is not known.
    if let [only] = names.as_slice()
        && !only.starts_with('*')
        && !upstreams::is_address(only)
    {
        let repair = format!("{prefix}_ssl_name {only};");
        if !line.others {
            found.edit = match config.tree.first(hop.block, &format!("{prefix}_ssl_name")) {
                Some(own) => edits::replace_argument(config, own, 0, only),
                None => edits::insert_before(config, hop.node, std::slice::from_ref(&repair)),
            };
        }
        found.repair = Some(repair);
    }
    problems.push(found);
}

/// As OpenSSL compares: any case, one `*` for the first label. Addresses in the certificate are not looked at.
fn is_for(certificate: &Certificate, name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if upstreams::is_address(&name) {
        // What nginx makes of an address depends on its version and on the subject: say nothing where the
        // certificate is for it.
        return certificate.names.iter().any(|known| known == upstreams::bare(&name))
            || certificate.subject.contains(upstreams::bare(&name));
    }
    let matches = |known: &str| {
        let known = known.to_ascii_lowercase();
        known == name
            || known.strip_prefix('*').is_some_and(|suffix| {
                name.strip_suffix(suffix)
                    .is_some_and(|label| !label.is_empty() && !label.contains('.'))
            })
    };
    if certificate.names.iter().any(|known| matches(known)) {
        return true;
    }
    // Without names the common name of the subject counts.
    certificate.names.is_empty()
        && certificate
            .subject
            .split(',')
            .filter_map(|part| part.trim().strip_prefix("CN="))
            .any(matches)
}
