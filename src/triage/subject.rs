//! Which of the failures in the logs is judged.

use std::collections::HashMap;

use super::logs::{Failure, is_consequence};
use crate::evidence::{LogAccount, LoggedFailure, Symptom, Target};

/// The failures, those that are alike counted together; the one that is judged stands first.
pub(super) fn failures(all: &[Failure], target: &Target, accounts: &[&LogAccount]) -> Vec<LoggedFailure> {
    let mut groups: Vec<(LoggedFailure, u64)> = Vec::new();
    let mut positions: HashMap<(Symptom, Option<String>), usize> = HashMap::new();
    for failure in all {
        let entry = &failure.entry;
        let Some(symptom) = entry.symptom else { continue };
        let upstream = entry.upstream.as_deref().map(short);
        // Lines about the URL that was asked for weigh more than all others.
        let ours = u64::from(!target.path.is_empty() && about(entry.request.as_deref(), &target.path));
        let position = *positions.entry((symptom, upstream.clone())).or_insert(groups.len());
        match groups.get_mut(position) {
            Some((group, of_target)) => {
                group.count = group.count.saturating_add(1);
                *of_target = of_target.saturating_add(ours);
                group.first_ms = earlier(group.first_ms, entry.at_ms);
                group.last_ms = group.last_ms.max(entry.at_ms);
            }
            None => groups.push((
                LoggedFailure {
                    symptom,
                    upstream,
                    count: 1,
                    first_ms: entry.at_ms,
                    last_ms: entry.at_ms,
                },
                ours,
            )),
        }
    }
    let mut whole = vec![0_u64; groups.len()];
    for count in accounts.iter().flat_map(|account| &account.symptoms) {
        let position = positions.get(&(count.symptom, count.upstream.as_deref().map(short)));
        let Some(position) = position else { continue };
        if let (Some((group, _)), Some(whole)) = (groups.get_mut(*position), whole.get_mut(*position)) {
            *whole = whole.saturating_add(count.count);
            group.first_ms = earlier(group.first_ms, count.first_ms);
            group.last_ms = group.last_ms.max(count.last_ms);
        }
    }
    // Of a long log only the end was read line by line.
    for ((group, _), whole) in groups.iter_mut().zip(whole) {
        group.count = group.count.max(whole);
    }
    groups.sort_by_key(|(group, ours)| {
        std::cmp::Reverse((
            !is_consequence(group.symptom),
            *ours > 0,
            *ours,
            group.count,
            group.last_ms,
        ))
    });
    groups.into_iter().map(|(group, _)| group).take(20).collect()
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn about(request: Option<&str>, path: &str) -> bool {
    request
        .and_then(|request| request.split(' ').nth(1))
        .is_some_and(|asked| asked.split('?').next() == path.split('?').next())
}

/// `http://127.0.0.1:8080/cart?x=1` → `127.0.0.1:8080`; a socket keeps its path.
pub(super) fn short(upstream: &str) -> String {
    let rest = upstream.split_once("://").map_or(upstream, |(_, rest)| rest);
    if let Some(path) = rest.strip_prefix("unix:") {
        return format!("unix:{}", path.split(':').next().unwrap_or(path));
    }
    if upstream.contains("://") {
        return rest.split('/').next().unwrap_or(rest).to_owned();
    }
    rest.to_owned()
}
