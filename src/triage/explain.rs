//! One pasted line, explained: what it means, what it does not mean, what it leaves open.

use std::fmt::Write as _;

use super::{Input, sort};
use crate::causes::CAUSES;
use crate::causes::open::{self, Facts, Known};
use crate::evidence::{Endpoint, Handler, Protocol, Snapshot};
use crate::report::sanitize::escaped;

/// The page about a line, in Markdown; `None`: nothing in it is known.
pub fn explain_line(line: &str) -> Option<String> {
    let sorted = sort(vec![Input {
        name: "the line".to_owned(),
        bytes: line.as_bytes().to_vec(),
        account: None,
    }]);
    let snapshot = super::snapshot(&sorted);
    let pieces = snapshot.pieces.as_ref()?;
    let first = pieces.failures.first();
    let mut page = String::from("# fix502 explain\n\n");
    // A line of a log is no Markdown: it stands as a block, each byte visible.
    let shown: String = escaped(line.trim()).chars().take(600).collect();
    let _ = writeln!(page, "    {shown}\n");
    let Some(first) = first else {
        return without_a_failure(&snapshot, page);
    };
    let entry = snapshot
        .log
        .during
        .iter()
        .rev()
        .find(|entry| entry.symptom == Some(first.symptom))?;
    let facts = Facts {
        symptom: first.symptom,
        message: &entry.message,
        product: pieces.product.as_deref().unwrap_or_default(),
        protocol: protocol(&snapshot, entry.upstream.as_deref()),
        endpoint: first.upstream.as_deref().and_then(Endpoint::parse),
        upstream: first.upstream.as_deref(),
        path: entry
            .request
            .as_deref()
            .and_then(|request| request.split(' ').nth(1))
            .filter(|path| path.starts_with('/')),
        known: Known::default(),
    };
    let upstream = first.upstream.as_deref().unwrap_or("the upstream");
    let upstream = escaped(upstream);
    let product = if facts.product.is_empty() {
        "the proxy"
    } else {
        facts.product
    };
    let _ = writeln!(
        page,
        "## What it means\n\nWritten by {product}: {}.\n",
        open::words(first.symptom).replace("{}", &upstream)
    );
    let mut fields = Vec::new();
    if let Some(client) = &entry.client {
        fields.push(format!("- client: {}", escaped(client)));
    }
    if let Some(server) = entry.server.as_ref().filter(|server| !server.is_empty()) {
        fields.push(format!("- server: {}", escaped(server)));
    }
    if let Some(request) = &entry.request {
        fields.push(format!("- request: {}", escaped(request)));
    }
    if let Some(upstream) = &entry.upstream {
        fields.push(format!("- upstream: {}", escaped(upstream)));
    }
    if !fields.is_empty() {
        let _ = writeln!(page, "{}\n", fields.join("\n"));
    }
    let not_meant = open::not_meant(first.symptom);
    if !not_meant.is_empty() {
        let _ = writeln!(page, "## What it does not mean\n\n{not_meant}\n");
    }
    causes(&mut page, &facts);
    Some(page)
}

fn protocol(snapshot: &Snapshot, upstream: Option<&str>) -> Protocol {
    if let Some(Handler::Pass(pass)) = snapshot.route.seen().map(|route| &route.handler) {
        return pass.protocol;
    }
    match upstream
        .and_then(|upstream| upstream.split_once("://"))
        .map(|(scheme, _)| scheme)
    {
        Some("fastcgi" | "fcgi") => Protocol::FastCgi,
        Some("uwsgi") => Protocol::Uwsgi,
        _ => Protocol::Http,
    }
}

fn causes(page: &mut String, facts: &Facts<'_>) {
    if let Some((cause, _)) = open::said_outright(facts) {
        let title = CAUSES
            .iter()
            .find(|known| known.id == cause)
            .map_or("", |known| known.title);
        let _ = writeln!(
            page,
            "## The cause\n\n- `{cause}`: {title}\n\nThe repair: `fix502 explain {cause}`\n"
        );
        directives(page, facts);
        return;
    }
    let open = open::left_open(facts);
    if open.is_empty() {
        page.push_str(
            "## The cause\n\nThe line alone does not tell; `fix502 URL` on that host looks further.\n",
        );
        return;
    }
    page.push_str("## What it leaves open\n\nThe likeliest first, each with when it is that one and the command that tells:\n\n");
    for open in &open {
        let _ = writeln!(
            page,
            "- `{}`: {}\n\n      {}\n",
            open.cause, open.tell, open.command
        );
    }
    let _ = writeln!(page, "## What settles it\n\n    {}\n", open::settle(facts));
    directives(page, facts);
    page.push_str(
        "`fix502 explain ID` says more about each; `fix502 URL` on that host asks all of this at once.\n",
    );
}

/// The directives that belong to what is spoken with the upstream, where nginx has a family for each.
fn directives(page: &mut String, facts: &Facts<'_>) {
    if facts.product != "nginx" {
        return;
    }
    let prefix = facts.protocol.directive_prefix();
    let names = match facts.symptom {
        crate::evidence::Symptom::HeaderTooBig => format!("`{prefix}_buffer_size` and `{prefix}_buffers`"),
        crate::evidence::Symptom::HeaderTimeout => format!("`{prefix}_read_timeout`"),
        crate::evidence::Symptom::SendTimeout => format!("`{prefix}_send_timeout`"),
        crate::evidence::Symptom::ConnectTimeout => format!("`{prefix}_connect_timeout`"),
        _ => return,
    };
    let _ = writeln!(
        page,
        "This way is `{prefix}_pass`, so the directives are {names}.\n"
    );
}

/// An access line, a line of an application or of the kernel.
fn without_a_failure(snapshot: &Snapshot, mut page: String) -> Option<String> {
    if let Some(request) = snapshot.log.access_before.first() {
        let status = request.status?;
        let _ = writeln!(
            page,
            "## What it means\n\nA request that was answered with {status}: {}.\n",
            meaning(status)
        );
        if status < 500 {
            return Some(page);
        }
        page.push_str("## What it does not mean\n\nAn access log says that it failed, not why: the error log has the reason at the same second.\n\n");
        let product = snapshot
            .pieces
            .as_ref()
            .and_then(|pieces| pieces.product.clone())
            .unwrap_or_default();
        let facts = Facts {
            product: &product,
            ..Facts::default()
        };
        page.push_str("## What it leaves open\n\nWhere the error log has no line for it:\n\n");
        for open in open::silent(&facts) {
            let _ = writeln!(
                page,
                "- `{}`: {}\n\n      {}\n",
                open.cause, open.tell, open.command
            );
        }
        return Some(page);
    }
    if let Some(line) = snapshot.applications.first().and_then(|server| server.log.first()) {
        for symptom in [
            crate::evidence::Symptom::ResetBeforeHeader,
            crate::evidence::Symptom::AcceptQueueFull,
            crate::evidence::Symptom::HeaderTimeout,
        ] {
            if let Some(cause) = open::of_application(&line.text, symptom) {
                let title = CAUSES
                    .iter()
                    .find(|known| known.id == cause)
                    .map_or("", |known| known.title);
                let _ = writeln!(
                    page,
                    "## What it means\n\nThe application server says it itself. Together with an error of the proxy at the same second this is\n\n- `{cause}`: {title}\n\n`fix502 explain {cause}` says more.\n"
                );
                return Some(page);
            }
        }
    }
    let event = snapshot.kernel.seen().and_then(|events| events.first())?;
    let (what, cause) = match event.kind {
        crate::evidence::KernelEventKind::OomKill => (
            "the kernel killed a process for lack of memory",
            "upstream-oom-killed",
        ),
        crate::evidence::KernelEventKind::Segfault => ("a process crashed", "upstream-worker-crash"),
        crate::evidence::KernelEventKind::ConntrackFull => (
            "the kernel drops new connections: its table is full",
            "conntrack-full",
        ),
        crate::evidence::KernelEventKind::SynFlood => {
            ("an accept queue overflowed", "upstream-backlog-too-small")
        }
        crate::evidence::KernelEventKind::SelinuxDenial => ("SELinux denied something", "selinux-denied"),
        crate::evidence::KernelEventKind::ApparmorDenial => ("AppArmor denied something", "sandbox-denied"),
    };
    let _ = writeln!(
        page,
        "## What it means\n\nWritten by the kernel: {what}. It explains a 502 only when it is the application behind the proxy, and the times fit.\n\n- `{cause}`: `fix502 explain {cause}`\n"
    );
    Some(page)
}

fn meaning(status: u16) -> &'static str {
    match status {
        500 => "the server that answered failed itself",
        502 => "a proxy got no valid answer from the server behind it",
        503 => "the server cannot serve now, or knows no one who could",
        504 => "a proxy waited for the server behind it until its limit ran out",
        200..=399 => "that is no failure",
        400..=499 => "the request was refused, so the way to the application works",
        _ => "an answer came",
    }
}
