//! A header line of the backend does not fit into the buffer: the log says so.

use super::super::Config;
use super::{Check, Need, Rule, problem};
use crate::evidence::{ConfigProblem, Handler, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A015-header-8k",
        proxy: ProxyKind::Apache,
        title: "a header line of the backend is longer than the buffer",
        level: ProblemLevel::Error,
        cause: Some("response-header-too-big"),
        needs: Some(Need::ErrorLog),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let logged = around.log.errors().any(|entry| {
        [&entry.message, &entry.text]
            .iter()
            .any(|text| text.contains("AH10124") || text.contains("limit allowed by ResponseFieldSize"))
    });
    let Some(route) = around.route.seen().filter(|_| logged) else {
        return;
    };
    let Handler::Pass(pass) = &route.handler else {
        return;
    };
    let statement = config.statements().find(|(id, statement)| {
        (statement.is("ProxyPass") || statement.is("ProxyPassMatch") || statement.is("BalancerMember"))
            && config.place(*id) == pass.place
    });
    let Some((id, statement)) = statement else { return };
    let own = statement.arguments().iter().rev().find_map(|word| {
        let (key, value) = word.text.split_once('=')?;
        Some((word, value.parse::<u64>().ok()?)).filter(|_| key.eq_ignore_ascii_case("responsefieldsize"))
    });
    let limit = own.map_or(8192, |(_, bytes)| bytes);
    let repair = format!("responsefieldsize={}", limit.saturating_mul(2).max(16_384));
    let message = format!("the backend sends header lines longer than {limit} bytes, says the log");
    let mut found = problem(config, &CHECK.rule, id, message);
    "502 for every answer with such a header".clone_into(&mut found.effect);
    found.repair = Some(repair);
    problems.push(found);
}
