//! `response-header-too-big`: the header block of the answer exceeds the buffer.

use super::facts::{failing, log_line, log_says_otherwise, logged_now, passing_route};
use super::{Answer, Cause, found};
use crate::evidence::{Place, Protocol, ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/response-header-too-big.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "response-header-too-big",
    title: "the response header is larger than the proxy's buffer",
    step: StepId::Config,
    proxy_error: "http_response_header_section_size",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

/// The length of the longest line of a head, in bytes.
fn longest_line(answer: &[u8]) -> Option<usize> {
    answer
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty())
        .map(<[u8]>::len)
        .max()
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (route, pass) = passing_route(snapshot)?;
    if !failing(snapshot) {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::HeaderTooBig]);
    let limit = route.settings.buffer_size.as_ref();
    let measured = snapshot
        .endpoints
        .iter()
        .filter_map(|evidence| {
            let exchange = evidence.as_proxy()?;
            let answer = if pass.protocol == Protocol::FastCgi {
                crate::proxy::request::fastcgi_streams(&exchange.bytes.0).0
            } else {
                exchange.bytes.0.clone()
            };
            // Apache limits each line, the others the whole head.
            let length = if route.proxy == ProxyKind::Apache {
                longest_line(&answer)
            } else if pass.protocol == Protocol::FastCgi {
                let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
                end.map(|position| position.saturating_add(4))
            } else {
                http::head(&answer)?.length_bytes
            };
            Some((u64::try_from(length?).ok()?, evidence))
        })
        .max_by_key(|(size, _)| *size);
    let too_big = measured
        .zip(limit)
        .is_some_and(|((size, _), limit)| size > limit.value);
    if logged.is_empty() && (!too_big || log_says_otherwise(snapshot, &[Symptom::HeaderTooBig])) {
        return None;
    }
    let confidence = if logged.is_empty() {
        Confidence::Likely
    } else {
        Confidence::Confirmed
    };
    let prefix = pass.protocol.directive_prefix();
    let measured = measured.filter(|(size, _)| limit.is_none_or(|limit| *size > limit.value));
    let size = measured.map(|(size, _)| size);
    let bytes = limit.map_or(4_096, |limit| limit.value);
    let wanted = size
        .unwrap_or_else(|| bytes.saturating_mul(2))
        .clamp(16_384, 1 << 30)
        .next_multiple_of(4_096)
        / 1_024;
    let measured_words = size.map_or_else(String::new, |size| format!(" ({size} bytes)"));
    let place = limit.and_then(|limit| limit.place.clone()).unwrap_or_else(|| Place {
        line: 0,
        ..pass.place.clone()
    });
    let lines = if pass.protocol == Protocol::Http
        || pass.protocol == Protocol::FastCgi
        || pass.protocol == Protocol::Uwsgi
        || pass.protocol == Protocol::Scgi
    {
        format!(
            "{prefix}_buffer_size {wanted}k; {prefix}_buffers 8 {wanted}k; {prefix}_busy_buffers_size {}k;",
            wanted * 2
        )
    } else {
        format!("{prefix}_buffer_size {wanted}k;")
    };
    Some(
        CAUSE
            .finding(
                confidence,
                format!(
                    "the response header{measured_words} is larger than {prefix}_buffer_size ({bytes} bytes)"
                ),
            )
            .at(&place)
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because_all(measured.and_then(|(size, evidence)| {
                let command = evidence.probes.first()?.command.clone();
                Some(Exhibit::shown_by(
                    "probe",
                    format!("{} sends a header of {size} bytes", evidence.endpoint),
                    command,
                ))
            }))
            .because(if place.line > 0 {
                Exhibit::in_file("config", format!("{prefix}_buffer_size is {bytes} bytes"), &place)
            } else {
                Exhibit::shown_by(
                    "config",
                    format!("{prefix}_buffer_size is {bytes} bytes, the default"),
                    "nginx -T | grep buffer_size",
                )
            })
            .remedy(
                Remedy::edit(
                    "make room for it, then nginx -t && nginx -s reload",
                    &place,
                    lines,
                )
                .risk("memory for each connection grows with these buffers"),
            )
            .remedy(Remedy::advise(
                "better: let the application send less (large cookies, tokens in headers)",
            )),
    )
}
