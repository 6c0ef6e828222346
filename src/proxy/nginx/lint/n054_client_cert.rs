//! The upstream demands a certificate of its clients, and the pass sends none.

use foldhash::HashSet;

use super::super::Config;
use super::upstreams::{self, Around};
use super::{Check, Need, Rule, problem};
use crate::evidence::{ConfigProblem, EndpointEvidence, Exchange, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N054-client-cert",
        proxy: ProxyKind::Nginx,
        title: "the upstream demands a client certificate and none is sent",
        level: ProblemLevel::Error,
        cause: Some("tls-client-cert-required"),
        needs: Some(Need::Probes),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if around.endpoints.is_empty() {
        return;
    }
    let around = Around::new(around);
    let mut told = HashSet::default();
    for line in upstreams::lines(config) {
        let hop = line.hop;
        if !hop.tls || hop.directive(config, "ssl_certificate").is_some() {
            continue;
        }
        let evidence = around.endpoints(line.address);
        let Some(demand) = evidence
            .into_iter()
            .find_map(demand)
            .filter(|_| told.insert(line.node))
        else {
            continue;
        };
        let prefix = hop.protocol.directive_prefix();
        let message = format!(
            "{} demands a client certificate, and {prefix}_ssl_certificate is not set",
            upstreams::shown(line.address)
        );
        let mut found = problem(config, &CHECK.rule, line.node, message);
        demand.clone_into(&mut found.effect);
        if line.others {
            found.level = ProblemLevel::Warning;
        }
        found.repair = Some(format!(
            "{prefix}_ssl_certificate /etc/nginx/client.crt; {prefix}_ssl_certificate_key /etc/nginx/client.key;"
        ));
        problems.push(found);
    }
}

/// What users get from an upstream that demands a certificate. Many only ask for one: what answers without
/// is content.
fn demand(evidence: &EndpointEvidence) -> Option<&'static str> {
    let exchanges: Vec<&Exchange> = evidence
        .probes
        .iter()
        .filter_map(|probe| probe.exchange.seen())
        .collect();
    let asked = |exchange: &&&Exchange| {
        exchange
            .tls
            .as_ref()
            .is_some_and(|tls| tls.asked_client_certificate || tls.alert == Some(116))
    };
    let refused = |exchange: &Exchange| {
        let text = exchange.bytes.text();
        text.contains("No required SSL certificate was sent") || text.contains("The SSL certificate error")
    };
    let content = |exchange: &&Exchange| {
        let text = exchange.bytes.text();
        text.starts_with("HTTP/") && !refused(exchange)
    };
    if exchanges.iter().filter(asked).any(content) {
        return None;
    }
    exchanges.iter().filter(asked).find_map(|exchange| {
        let tls = exchange.tls.as_ref()?;
        if refused(exchange) {
            Some("400 always, from the upstream")
        } else if tls.alert == Some(116) || (!tls.done && tls.asked_client_certificate) {
            Some("502 always")
        } else {
            None
        }
    })
}
