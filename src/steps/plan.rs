//! What one run is asked to do.

use serde::{Deserialize, Serialize};

use crate::evidence::Target;
use crate::finding::StepId;
use crate::host::{Host, Query, Secret};

/// The settings of a run, as far as they decide which questions are asked. Recorded with the answers, so
/// that a replay asks the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// What to diagnose.
    pub target: Target,
    /// Configuration files given by hand.
    pub config_files: Vec<String>,
    /// Attempts at the front door.
    pub attempts: u32,
    /// The number of attempts was given by hand: make all of them, however slow.
    pub attempts_fixed: bool,
    /// Deadline of the run, in milliseconds.
    pub deadline_ms: u64,
    /// Proxies for step 7, without user information.
    pub proxies: Vec<String>,
    /// What the user calls them, by proxy.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub labels: std::collections::BTreeMap<String, String>,
    /// Steps left out.
    pub skipped: Vec<StepId>,
    /// Log lines of the proxy that are older are left out; milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// Files come from another root directory, so what runs here is not what they describe.
    pub other_root: bool,
    /// How far back logs are read, in milliseconds; `None`: as far as the question needs. [`Plan::ALL_LOGS`]: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_window_ms: Option<u64>,
    /// The root directory of a host that lives inside this program (the demo): of all sockets of this
    /// machine only our own are that host's, and socket files lie below this directory.
    pub inside: Option<String>,
    /// Only files are read: no name is resolved for the configuration, and nothing tests it.
    #[serde(skip)]
    pub files_only: bool,
    /// User and password for a proxy, by its address. Never recorded or printed.
    #[serde(skip)]
    pub secrets: Vec<ProxySecret>,
    /// User and password of the URL. Never recorded or printed.
    #[serde(skip)]
    pub authorization: Option<Secret>,
}

/// User and password for one proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySecret {
    /// The proxy without them.
    pub proxy: String,
    /// User and password.
    pub secret: Secret,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            target: Target::default(),
            config_files: Vec::new(),
            attempts: 5,
            attempts_fixed: false,
            deadline_ms: 30_000,
            proxies: Vec::new(),
            labels: std::collections::BTreeMap::new(),
            skipped: Vec::new(),
            since_ms: None,
            other_root: false,
            log_window_ms: None,
            inside: None,
            files_only: false,
            secrets: Vec::new(),
            authorization: None,
        }
    }
}

impl Plan {
    /// All of the logs, however far back.
    pub const ALL_LOGS: u64 = u64::MAX;

    /// The longest that one answer may be waited for: the deadline less what the rest of the walk needs.
    pub fn patience_ms(&self) -> u64 {
        self.deadline_ms
            .saturating_sub(3_000)
            .max(self.deadline_ms / 2)
            .max(200)
    }

    /// True when a step is to be done.
    pub fn wants(&self, step: StepId) -> bool {
        !self.skipped.contains(&step)
    }

    /// User and password for a proxy.
    pub fn secret(&self, proxy: &str) -> Option<Secret> {
        self.secrets
            .iter()
            .find(|secret| secret.proxy == proxy)
            .map(|secret| secret.secret.clone())
    }
}

/// The plan of a recorded run, as a question whose answer is the plan.
#[derive(Serialize)]
pub struct RecordedPlan {
    /// The plan of this run; not part of the question.
    #[serde(skip)]
    pub plan: Plan,
}

impl Query for RecordedPlan {
    type Answer = Plan;
    const NAME: &'static str = "plan";

    fn perform(&self, _: &crate::host::Live) -> crate::evidence::Observed<Plan> {
        crate::evidence::Observed::Seen(self.plan.clone())
    }
}

/// The plan with which a host was recorded.
pub fn recorded(host: &Host) -> Option<Plan> {
    host.ask(&RecordedPlan {
        plan: Plan::default(),
    })
    .into_seen()
}
