//! fix502 says which hop made a 502 Bad Gateway, why, with the proof, and the exact repair.
//!
//! The rooms stand in a row and data goes through them in one direction:
//! `host` answers questions, [`proxy`] and [`system`] parse the answers, [`evidence`] holds them,
//! [`causes`] judge, [`finding`] and [`verdict`] say, [`report`] writes. `steps` say which questions are
//! asked, in the order of the eight-step guide; `run` walks the row. [`demo`] is a
//! broken host to try it on. `docs/architecture.md` has the plan.

pub mod bundle;
pub mod causes;
pub mod cli;
pub mod demo;
pub mod evidence;
pub mod exit;
pub mod explain;
pub mod finding;
pub mod host;
pub mod options;
pub mod proxy;
pub mod report;
pub mod run;
pub mod steps;
pub mod system;
pub mod triage;
pub mod ui;
pub mod verdict;
pub mod wizard;
