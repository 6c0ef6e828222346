//! The wizard's diagnosis: a collection in the background of this host.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{judged, live_host, plan, plan_for};
use crate::evidence::{Snapshot, Target};
use crate::finding::{Finding, StepId};
use crate::host::Host;
use crate::options::{Address, Credentials, Options};
use crate::report::{Report, StepSummary};
use crate::steps::{self, Collection, Plan};
use crate::verdict;
use crate::wizard::Walk;

/// How long one look for a result may take.
const PATIENCE: Duration = Duration::from_millis(100);

pub(super) struct LiveWalk<'a> {
    options: &'a Options,
    host: Option<Arc<Host>>,
    collection: Option<Collection>,
    report: Option<Report>,
}

impl<'a> LiveWalk<'a> {
    pub(super) fn new(options: &'a Options) -> Self {
        Self {
            options,
            host: None,
            collection: None,
            report: None,
        }
    }
}

impl Walk for LiveWalk<'_> {
    fn start(&mut self, target: &Target, credentials: Option<&Credentials>) {
        if let Some(running) = self.collection.take() {
            running.cancel();
        }
        // A proxy variable that is no proxy was complained about when the options were read.
        let address = Address {
            target: target.clone(),
            credentials: credentials.cloned(),
        };
        let plan: Plan = plan_for(self.options, Some(&address)).unwrap_or_default();
        let host = Arc::new(live_host(self.options));
        self.report = None;
        self.collection = Some(Collection::start(Arc::clone(&host), plan));
        self.host = Some(host);
    }

    fn poll(&mut self, step: StepId) -> Option<(StepSummary, Vec<Finding>)> {
        let snapshot: Snapshot = self.collection.as_ref()?.wait(step, PATIENCE)?;
        if step == StepId::Bundle {
            // Everything is there by now, so the bundle can be previewed and written.
            self.report = Some(judged(snapshot.clone(), &self.options.steps));
        }
        let diagnosis = verdict::decide(&snapshot);
        let line = steps::summarise(step, &snapshot, &diagnosis);
        let findings: Vec<Finding> = diagnosis
            .findings
            .into_iter()
            .filter(|finding| finding.step == step)
            .collect();
        let told = (line.clone(), findings);
        Some(super::shown(&told, &snapshot).unwrap_or_else(|error| {
            let line = StepSummary {
                summary: error.message,
                details: Vec::new(),
                ..line
            };
            (line, Vec::new())
        }))
    }

    fn verdict(&mut self) -> Option<Report> {
        let snapshot = self.collection.as_ref()?.wait_all(PATIENCE)?;
        let report = judged(snapshot, &self.options.steps);
        let told = super::shown(&report, &report.snapshot).unwrap_or_default();
        self.report = Some(report);
        Some(told)
    }

    fn write_bundle(&mut self) -> Result<PathBuf, String> {
        let (Some(host), Some(report)) = (&self.host, &self.report) else {
            return Err("not everything is collected yet".to_owned());
        };
        super::bundle::write(host, report, &[], self.options).map_err(|error| match error.hint {
            Some(hint) => format!("{}; {hint}", error.message),
            None => error.message,
        })
    }

    fn bundle_preview(&self) -> Vec<String> {
        let (Some(host), Some(report)) = (&self.host, &self.report) else {
            return Vec::new();
        };
        let mut lines = super::bundle::preview(host, report, self.options);
        let place = super::bundle::place(report, self.options);
        lines.push(format!("and is written to {}", place.display()));
        lines
    }

    fn sites(&self) -> Vec<String> {
        let host = live_host(self.options);
        let plan = plan(self.options).unwrap_or_default();
        steps::sites(&host, &plan)
    }
}
