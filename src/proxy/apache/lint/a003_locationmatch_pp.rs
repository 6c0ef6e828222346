//! In `<LocationMatch>` only `ProxyPassMatch` looks at an expression without `*`, `?` or `[..]`.

use super::super::Config;
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A003-locationmatch-pp",
        proxy: ProxyKind::Apache,
        title: "ProxyPass takes the expression of a LocationMatch as a plain path",
        level: ProblemLevel::Warning,
        cause: Some("proxy-path-mismatch"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    for pass in config.passes() {
        let Some(location) = pass.location else { continue };
        let section = config.statement(location);
        let by_expression = section.is("LocationMatch") || section.argument(0) == "~";
        let never = !pass.path.starts_with('/') || pass.path.contains(['^', '$', '(', '|', '\\', '+']);
        if pass.regex || !by_expression || !never || pass.path.is_empty() || pass.path.contains("${") {
            continue;
        }
        let message = format!(
            "ProxyPass compares \"{}\" letter by letter with the path, and so it never matches",
            pass.path
        );
        let mut found = problem(config, &CHECK.rule, pass.statement, message);
        if pass.is_exclusion() {
            "these paths are proxied all the same".clone_into(&mut found.effect);
            found.repair = Some("ProxyPassMatch !".to_owned());
            found.edit = edits::rename(config, pass.statement, "ProxyPassMatch");
        } else {
            "these paths are not proxied: 404, or a file of the server".clone_into(&mut found.effect);
            // Without a group the whole path is appended.
            let url = pass
                .url
                .strip_suffix('/')
                .filter(|url| !url.ends_with('/'))
                .unwrap_or(&pass.url);
            found.repair = Some(format!("ProxyPassMatch {url}"));
        }
        problems.push(found);
    }
}
