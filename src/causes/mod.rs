//! THE CATALOGUE: one file for each root cause, each a pure function of the snapshot.
//!
//! A cause may name evidence and findings and nothing else; it never touches the host. It answers
//! [`Answer::Found`] with the proof, [`Answer::RuledOut`], or [`Answer::Undecided`] with what kept it from
//! knowing. To add one: `causes/<id>.rs`, two lines in `table.rs`, and `docs/causes/<id>.md` whose example
//! and counter-example are executed as tests. Among causes that are equally sure the order of the table
//! decides, so the more specific one stands first.

mod attribution;
mod backend_said;
mod cached_502;
mod client_without_connect_tunnel;
mod configured_502;
mod conntrack_full;
mod container_localhost_misroute;
mod dial;
mod dns_no_resolver;
mod dns_nxdomain;
mod dns_server_failure;
mod dns_stale_address;
mod dns_startup_unresolvable;
mod dns_wrong_address;
mod ephemeral_ports_exhausted;
mod facts;
mod fastcgi_protocol_mismatch;
mod firewall_drop;
mod firewall_reject;
mod forward_proxy_no_path;
mod front_cannot_reach_proxy;
mod healthcheck_misconfigured;
mod host_unreachable;
mod http2_http1_mismatch;
mod ipv6_unreachable;
mod keepalive_race;
mod malformed_connect_target;
mod mtu_blackhole;
mod no_route;
pub mod open;
mod plaintext_to_tls_port;
mod proxy_capacity_limit;
mod proxy_config_not_applied;
mod proxy_connection_slots_exhausted;
mod proxy_env_misroute;
mod proxy_loop;
mod proxy_path_mismatch;
mod proxy_protocol_mismatch;
mod proxy_source_bind_failed;
mod proxy_tls_not_enabled;
mod proxy_worker_crash;
mod proxy_worker_sharing;
mod recorded;
mod response_conflicting_length;
mod response_header_too_big;
mod response_invalid_header;
mod response_malformed_framing;
mod response_too_many_headers;
mod response_truncated;
mod route_policy_denied;
mod sandbox_denied;
mod selinux_denied;
pub(crate) mod systems;
mod table;
mod tls_cert_date_invalid;
mod tls_cert_name_mismatch;
mod tls_cert_untrusted;
mod tls_client_cert_required;
mod tls_handshake_aborted;
mod tls_sni_missing;
mod tls_to_plaintext_port;
mod tls_version_cipher_mismatch;
mod unix_socket_path_mismatch;
mod unix_socket_permission;
mod unix_socket_private_namespace;
mod unix_socket_stale;
mod upgrade_mismatch;
mod upstream_acl_rejects_proxy;
mod upstream_backlog_too_small;
mod upstream_crash_loop;
mod upstream_fd_exhausted;
mod upstream_not_http;
mod upstream_not_running;
mod upstream_oom_killed;
mod upstream_redeploy_window;
mod upstream_rejects_body;
mod upstream_request_buffer_overflow;
mod upstream_returned_502;
mod upstream_starting;
mod upstream_too_slow;
mod upstream_worker_crash;
mod upstream_worker_timeout_kill;
mod upstream_workers_saturated;
mod upstream_wrong_bind_address;
mod upstream_wrong_port;
mod upstreams_all_disabled;
mod upstreams_marked_down;
mod uwsgi_protocol_mismatch;
pub(crate) mod wording;

pub use table::CAUSES;

pub(crate) use attribution::{incomplete, made_by};
pub(crate) use facts::{attempt_failed, failed_at_the_proxy, proxy_kind};
pub(crate) use recorded::{gap, possible, weigh};

use crate::evidence::Snapshot;
use crate::finding::{Finding, StepId};
use crate::verdict::Answer;

/// One root cause.
pub struct Cause {
    /// Its id, the same in JSON, in the pages and for `fix502 explain`.
    pub id: &'static str,
    /// What it is, one line.
    pub title: &'static str,
    /// The step of the guide it belongs to.
    pub step: StepId,
    /// The error type of RFC 9209 (Proxy-Status).
    pub proxy_error: &'static str,
    /// Causes that it leads to: they stand behind it in the chain.
    pub explains: &'static [&'static str],
    /// The judgement.
    pub diagnose: fn(&Snapshot) -> Answer,
}

impl Cause {
    /// A finding of this cause.
    fn finding(&self, confidence: crate::finding::Confidence, message: impl Into<String>) -> Finding {
        Finding::new(self.id, self.step, confidence, message)
    }
}

/// A finding, or ruled out.
fn found(finding: Option<Finding>) -> Answer {
    finding.map_or(Answer::RuledOut, |finding| Answer::Found(Box::new(finding)))
}

/// True when one of these causes is found: a fallback stands aside then.
fn any_found(causes: &[&Cause], snapshot: &Snapshot) -> bool {
    causes.iter().any(|cause| {
        matches!((cause.diagnose)(snapshot), Answer::Found(finding)
            if finding.confidence >= crate::finding::Confidence::Likely
                && finding.severity == crate::finding::Severity::Error)
    })
}
