//! The order of the questions: what waits for what, and what runs at the same time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::plan::{Plan, RecordedPlan};
use super::turn::Turn;
use super::{
    alternate_proxy, applications, carried, config_history, config_lint, dns_flush, firewall, log_account,
    logs, machine, name_authority, packages, retry, timeline, units, upstream_probe,
};
use crate::evidence::Snapshot;
use crate::finding::StepId;
use crate::host::Host;

/// Asks everything and returns what was seen. `ready` is called with the snapshot so far whenever a step
/// has all it needs.
pub fn collect(host: &Host, plan: &Plan, ready: &(dyn Fn(StepId, &Snapshot) + Sync)) -> Snapshot {
    host.ask(&RecordedPlan { plan: plan.clone() });
    let mut snapshot = Snapshot {
        format: "fix502.snapshot/v1".to_owned(),
        target: plan.target.clone(),
        ..Snapshot::default()
    };
    let turn = &Turn::default();
    std::thread::scope(|scope| {
        let attempts = scope.spawn(move || retry::attempts(host, plan, turn));
        let kernel = scope.spawn(|| machine::kernel(host, plan));
        let rulesets = scope.spawn(|| firewall::ask(host, plan));
        let other_routes = scope.spawn(|| alternate_proxy::ask(host, plan));
        let url_name = scope.spawn(|| dns_flush::url_name(host, plan));
        let units = scope.spawn(|| units::ask(host, plan));
        let packages = scope.spawn(|| packages::ask(host, plan));
        let config_history = scope.spawn(|| config_history::ask(host, plan));

        machine::facts(host, plan, &mut snapshot);
        let configuration = config_lint::ask(host, plan, &mut snapshot);
        ready(StepId::Config, &snapshot);
        machine::limits(host, &mut snapshot);
        snapshot.units = units.join().unwrap_or_default();
        applications::ask(host, &mut snapshot);
        carried::ask(host, plan, &mut snapshot);
        logs::before(host, &mut snapshot);
        dns_flush::ask(host, plan, &mut snapshot, url_name.join().unwrap_or_default());
        upstream_probe::endpoints(host, plan, &mut snapshot, turn);
        let authority = name_authority::questions(plan, &snapshot);
        let authority = scope.spawn(move || name_authority::ask(host, authority));
        snapshot.firewall = rulesets.join().unwrap_or_default();
        firewall::judge(host, plan, &mut snapshot);
        ready(StepId::Firewall, &snapshot);

        let (began_ms, attempts) = attempts.join().unwrap_or_default();
        snapshot.attempts = attempts;
        snapshot.log.attempts_began_ms = began_ms;
        ready(StepId::Retry, &snapshot);
        logs::during(host, plan, &mut snapshot);
        dns_flush::dialled(&mut snapshot);
        upstream_probe::after_the_attempts(host, plan, &mut snapshot);
        firewall::judge(host, plan, &mut snapshot);
        snapshot.kernel = kernel.join().unwrap_or_default();
        machine::kernel_again(host, &mut snapshot);
        machine::after_the_attempts(host, &mut snapshot);
        name_authority::keep(&mut snapshot, authority.join().unwrap_or_default());
        applications::logs(host, &mut snapshot);
        log_account::ask(host, plan, &mut snapshot);
        snapshot.timeline = Some(timeline::timeline(&snapshot));
        for step in [StepId::Upstream, StepId::Timeouts, StepId::Dns] {
            ready(step, &snapshot);
        }
        snapshot.other_routes = other_routes.join().unwrap_or_default();
        alternate_proxy::direct(&mut snapshot);
        alternate_proxy::front_route(host, &mut snapshot);
        snapshot.package_changes = packages.join().unwrap_or_default();
        snapshot.config_history = config_history.join().unwrap_or_default();
        upstream_probe::socket_files(host, &mut snapshot);
        config_lint::judge(configuration.as_ref(), &mut snapshot);
        for step in [StepId::Route, StepId::Bundle] {
            ready(step, &snapshot);
        }
    });
    snapshot
}

/// A collection that runs in the background, so that a step is ready when a person reaches it.
pub struct Collection {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    cancelled: AtomicBool,
}

#[derive(Default)]
struct State {
    ready: Vec<StepId>,
    snapshot: Option<Snapshot>,
    done: bool,
}

impl Collection {
    /// Begins to collect.
    pub fn start(host: Arc<Host>, plan: Plan) -> Self {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            let note = |step: StepId, snapshot: &Snapshot| {
                let mut state = own.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.ready.push(step);
                state.snapshot = Some(snapshot.clone());
                own.changed.notify_all();
            };
            let snapshot = collect(&host, &plan, &note);
            let mut state = own.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.snapshot = Some(snapshot);
            state.done = true;
            own.changed.notify_all();
        });
        Self { shared }
    }

    /// What was seen so far, once this step has all it needs; `None`: not within this time.
    pub fn wait(&self, step: StepId, patience: Duration) -> Option<Snapshot> {
        self.wait_for(patience, |state| state.done || state.ready.contains(&step))
    }

    /// Everything, once all is collected; `None`: not within this time.
    pub fn wait_all(&self, patience: Duration) -> Option<Snapshot> {
        self.wait_for(patience, |state| state.done)
    }

    /// Nobody is interested any more.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
        self.shared.changed.notify_all();
    }

    fn wait_for(&self, patience: Duration, enough: impl Fn(&State) -> bool) -> Option<Snapshot> {
        let state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, patience, |state| {
                !enough(state) && !self.shared.cancelled.load(Ordering::Relaxed)
            })
            .unwrap_or_else(PoisonError::into_inner);
        if enough(&state) {
            state.snapshot.clone()
        } else {
            None
        }
    }
}

/// What the lint rules need of this host, and what they find: configuration, listeners, units, applications,
/// package history. Nothing is sent over a network.
pub fn inspect(host: &Host, plan: &Plan) -> Snapshot {
    host.ask(&RecordedPlan { plan: plan.clone() });
    let mut snapshot = Snapshot {
        format: "fix502.snapshot/v1".to_owned(),
        target: plan.target.clone(),
        ..Snapshot::default()
    };
    std::thread::scope(|scope| {
        let units = scope.spawn(|| units::ask(host, plan));
        let packages = scope.spawn(|| packages::ask(host, plan));
        machine::facts(host, plan, &mut snapshot);
        let configuration = config_lint::ask(host, plan, &mut snapshot);
        machine::limits(host, &mut snapshot);
        applications::ask(host, &mut snapshot);
        upstream_probe::socket_files(host, &mut snapshot);
        snapshot.units = units.join().unwrap_or_default();
        snapshot.package_changes = packages.join().unwrap_or_default();
        config_lint::judge(configuration.as_ref(), &mut snapshot);
    });
    snapshot
}

/// The names that the proxies of this host serve, to offer where no URL was given.
pub fn sites(host: &Host, plan: &Plan) -> Vec<String> {
    let mut snapshot = Snapshot {
        target: plan.target.clone(),
        ..Snapshot::default()
    };
    machine::facts(host, plan, &mut snapshot);
    config_lint::ask(host, plan, &mut snapshot);
    snapshot
        .config
        .into_seen()
        .map(|config| config.server_names)
        .unwrap_or_default()
}
