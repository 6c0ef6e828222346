//! The pages, compiled in: every root cause of the catalogue, by family.
//!
//! To add a page: `docs/causes/<id>.md`, and one line here.

use crate::finding::StepId;

/// Causes that belong together.
pub(super) struct Family {
    /// What they have in common.
    pub(super) title: &'static str,
    /// Id and page, in the order of the catalogue.
    pub(super) pages: &'static [(&'static str, &'static str)],
}

macro_rules! family {
    ($title:literal: $($id:literal),+ $(,)?) => {
        Family {
            title: $title,
            pages: &[$(($id, include_str!(concat!("../../docs/causes/", $id, ".md")))),+],
        }
    };
}

/// All pages.
pub(super) static FAMILIES: &[Family] = &[
    family!("Who made the 502":
        "upstream-returned-502",
        "cached-502",
        "configured-502",
        "front-cannot-reach-proxy",
        "edge-generated-502",
        "forward-proxy-no-path",
    ),
    family!("Nobody listens there":
        "upstream-not-running",
        "upstream-crash-loop",
        "upstream-oom-killed",
        "upstream-starting",
        "upstream-wrong-port",
        "upstream-wrong-bind-address",
        "container-localhost-misroute",
        "unix-socket-path-mismatch",
        "unix-socket-private-namespace",
        "unix-socket-permission",
        "unix-socket-stale",
        "container-network-mismatch",
    ),
    family!("The network in between":
        "firewall-reject",
        "firewall-drop",
        "no-route",
        "host-unreachable",
        "ipv6-unreachable",
        "route-policy-denied",
        "selinux-denied",
        "sandbox-denied",
        "conntrack-full",
        "ephemeral-ports-exhausted",
        "mtu-blackhole",
    ),
    family!("Names":
        "dns-nxdomain",
        "dns-server-failure",
        "dns-no-resolver",
        "dns-stale-address",
        "dns-startup-unresolvable",
        "dns-wrong-address",
    ),
    family!("TLS":
        "tls-to-plaintext-port",
        "plaintext-to-tls-port",
        "tls-sni-missing",
        "tls-cert-untrusted",
        "tls-cert-date-invalid",
        "tls-cert-name-mismatch",
        "tls-version-cipher-mismatch",
        "tls-client-cert-required",
        "tls-handshake-aborted",
    ),
    family!("Two who do not understand each other":
        "fastcgi-protocol-mismatch",
        "uwsgi-protocol-mismatch",
        "http2-http1-mismatch",
        "proxy-protocol-mismatch",
        "upstream-not-http",
        "response-header-too-big",
        "response-too-many-headers",
        "response-invalid-header",
        "response-conflicting-length",
        "response-malformed-framing",
        "response-truncated",
        "upstream-request-buffer-overflow",
        "upstream-rejects-body",
        "upgrade-mismatch",
    ),
    family!("The application at work":
        "keepalive-race",
        "upstream-worker-crash",
        "upstream-worker-timeout-kill",
        "upstream-workers-saturated",
        "upstream-backlog-too-small",
        "upstream-too-slow",
        "upstream-acl-rejects-proxy",
        "upstream-redeploy-window",
        "upstream-fd-exhausted",
    ),
    family!("The proxy itself":
        "proxy-connection-slots-exhausted",
        "upstreams-marked-down",
        "upstreams-all-disabled",
        "healthcheck-misconfigured",
        "proxy-capacity-limit",
        "proxy-worker-sharing",
        "proxy-source-bind-failed",
        "proxy-loop",
        "proxy-config-not-applied",
        "proxy-worker-crash",
        "proxy-env-misroute",
        "proxy-path-mismatch",
        "proxy-tls-not-enabled",
    ),
    family!("Platforms":
        "k8s-no-endpoints",
        "lb-target-deregistered",
        "serverless-invalid-response",
        "client-without-connect-tunnel",
        "malformed-connect-target",
    ),
];

/// What a 502 is, what the other statuses are, and how to go about them.
pub(super) static GUIDE: &str = include_str!("../../docs/guide.md");

/// The page of a step.
pub(super) fn step(step: StepId) -> &'static str {
    match step {
        StepId::Retry => include_str!("../../docs/steps/1-retry.md"),
        StepId::Upstream => include_str!("../../docs/steps/2-upstream.md"),
        StepId::Config => include_str!("../../docs/steps/3-config.md"),
        StepId::Firewall => include_str!("../../docs/steps/4-firewall.md"),
        StepId::Timeouts => include_str!("../../docs/steps/5-timeouts.md"),
        StepId::Dns => include_str!("../../docs/steps/6-dns.md"),
        StepId::Route => include_str!("../../docs/steps/7-route.md"),
        StepId::Bundle => include_str!("../../docs/steps/8-bundle.md"),
    }
}
