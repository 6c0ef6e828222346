//! `fix502.report/v1`, the promise of `docs/formats/report-v1.md` to scripts.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::route::settings;
use super::{Report, SCHEMA};
use crate::evidence::{Handler, Place, Route};

/// Writes the report as one JSON object and a line end.
pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &value(report)).map_err(io::Error::from)?;
    writeln!(out)
}

fn value(report: &Report) -> Value {
    let verdict = &report.verdict;
    let mut value = json!({
        "schema": SCHEMA,
        "tool": {"name": "fix502", "version": env!("CARGO_PKG_VERSION")},
        "target": {"url": report.snapshot.target.url, "via": report.snapshot.target.via},
        "verdict": {
            "status": verdict.status,
            "cause": verdict.cause,
            "chain": verdict.chain,
            "title": verdict.title,
            "confidence": verdict.confidence,
            "made_by": verdict.made_by.as_ref().map(|hop| json!({
                "product": hop.product, "where": hop.where_, "version": hop.version,
            })),
            "also_possible": verdict.also_possible,
        },
        "attempts": report.snapshot.attempts.iter().map(|attempt| json!({
            "at_ms": attempt.at_ms,
            "status": attempt.status,
            "took_us": attempt.exchange.seen().map(|exchange| exchange.total_us),
        })).collect::<Vec<_>>(),
        "route": report.snapshot.route.seen().map(route),
        "timeline": report.snapshot.timeline,
        "logs": logs(report),
        "steps": report.steps,
        "findings": report.findings,
        "incomplete": report.incomplete,
    });
    if let (Some(lint), Value::Object(fields)) = (&report.lint, &mut value) {
        let lint = json!({
            "proxies": lint.proxies,
            "files": lint.files,
            "rules": lint.rules.iter().map(|rule| &rule.id).collect::<Vec<_>>(),
            "not_checked": lint.rules.iter().filter(|rule| rule.lacks.is_some()).map(|rule| json!({
                "rule": rule.id,
                "lacks": rule.lacks,
            })).collect::<Vec<_>>(),
            "suppressed": lint.suppressed.iter().map(|suppressed| json!({
                "finding": suppressed.finding,
                "reason": suppressed.reason,
                "comment": place(&suppressed.comment),
            })).collect::<Vec<_>>(),
        });
        fields.insert("lint".to_owned(), lint);
    }
    if let (Some(pieces), Value::Object(fields)) = (&report.snapshot.pieces, &mut value) {
        fields.insert("pieces".to_owned(), json!(pieces));
    }
    value
}

/// The account of the logs, and what it comes to.
fn logs(report: &Report) -> Option<Value> {
    let account = report.snapshot.log.account.as_ref()?;
    let mut value = serde_json::to_value(account).ok()?;
    if let Value::Object(fields) = &mut value {
        fields.insert("elsewhere".to_owned(), json!(report.snapshot.log.elsewhere));
        if !report.snapshot.log.carried.is_empty() {
            fields.insert("carried".to_owned(), json!(report.snapshot.log.carried));
        }
        fields.insert(
            "history".to_owned(),
            json!(super::logbook::logbook(&report.snapshot)),
        );
    }
    Some(value)
}

fn place(place: &Place) -> Value {
    json!({"file": place.file, "line": place.line})
}

/// The `route` object: the way of the URL through the configuration.
pub(super) fn route(route: &Route) -> Value {
    let (upstream, peers) = match &route.handler {
        Handler::Pass(pass) => {
            let name = pass.group.as_ref().map_or(&pass.written, |group| &group.name);
            let at = pass.group.as_ref().map_or(&pass.place, |group| &group.place);
            (
                Some(json!({"name": name, "at": place(at), "protocol": pass.protocol, "tls": pass.tls})),
                &pass.peers[..],
            )
        }
        Handler::Return { .. } | Handler::Local(_) | Handler::Unknown => (None, &[][..]),
    };
    json!({
        "proxy": route.proxy.name(),
        "listener": route.listener.as_ref().map(|listen| json!({"address": listen.address, "tls": listen.tls, "at": place(&listen.place)})),
        "server": route.server.as_ref().map(|server| json!({"name": server.name, "at": place(&server.place)})),
        "location": route.location.as_ref().map(|location| json!({"name": location.name, "at": place(&location.place)})),
        "upstream": upstream,
        "endpoints": peers.iter().map(|peer| json!({"address": peer.address, "down": peer.down, "at": place(&peer.place)})).collect::<Vec<_>>(),
        "request_target": route.request_target,
        "undetermined": route.undetermined,
        "answers": match &route.handler {
            Handler::Return { status, place: at } => Some(json!({"status": status, "at": place(at)})),
            Handler::Pass(_) | Handler::Local(_) | Handler::Unknown => None,
        },
        "possible_answers": route.possible_returns.iter().map(|answer| json!({
            "status": answer.status, "depends_on": answer.depends_on, "at": place(&answer.place),
        })).collect::<Vec<_>>(),
        "settings": settings(&route.settings).into_iter().map(|(name, (value, _), at)| {
            (name, json!({"value": value, "at": at.as_ref().map(place)}))
        }).collect::<serde_json::Map<_, _>>(),
    })
}
