//! `ProxyPass /a/ http://host` makes `http://hostx` of `/a/x`.

use super::super::{Config, ProxyPass, Word};
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A001-slash-mismatch",
        proxy: ProxyKind::Apache,
        title: "the path of a pass ends in a slash and its backend has none",
        level: ProblemLevel::Error,
        cause: Some("proxy-path-mismatch"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    for pass in config.passes() {
        if pass.regex || pass.is_exclusion() || pass.url.contains(['$', '%']) || pass.has_flag("interpolate")
        {
            continue;
        }
        let real = pass.real();
        let Some((scheme, after)) = real.split_once("://") else {
            continue;
        };
        let path = after.find('/').and_then(|slash| after.get(slash..));
        match path {
            None if pass.path.ends_with('/') => no_slash(config, pass, &real, scheme, problems),
            Some(path)
                if path.ends_with('/')
                    && !pass.path.ends_with('/')
                    && !scheme.eq_ignore_ascii_case("balancer") =>
            {
                two_slashes(config, pass, path, problems);
            }
            _ => {}
        }
    }
}

fn no_slash(config: &Config, pass: &ProxyPass, real: &str, scheme: &str, problems: &mut Vec<ConfigProblem>) {
    let message = format!(
        "{}x becomes {real}x: the URL of the backend needs a slash at its end",
        pass.path
    );
    let mut found = problem(config, &CHECK.rule, pass.statement, message);
    found.effect = if scheme.eq_ignore_ascii_case("balancer") {
        format!("500 for every path below {}: no such balancer", pass.path)
    } else {
        let status = super::status_of_unknown_host(config);
        format!("{status} for every path below {}: DNS lookup failure", pass.path)
    };
    let repair = format!("{}/", pass.url);
    if let Some(word) = url_word(config, pass) {
        found.edit = edits::replace(config, pass.statement, &word, &repair);
    }
    found.repair = Some(repair);
    problems.push(found);
}

fn two_slashes(config: &Config, pass: &ProxyPass, path: &str, problems: &mut Vec<ConfigProblem>) {
    let message = format!(
        "{}/x becomes {path}/x: the backend is asked for a path with two slashes",
        pass.path
    );
    let mut found = config.problem(CHECK.rule.id, ProblemLevel::Info, pass.statement, message);
    "an error of the backend, when it tells two slashes from one".clone_into(&mut found.effect);
    found.repair = Some(pass.url.trim_end_matches('/').to_owned());
    problems.push(found);
}

fn url_word<'a>(config: &'a Config, pass: &ProxyPass) -> Option<Word<'a>> {
    let index = usize::from(pass.location.is_none());
    config.statement(pass.statement).arguments().get(index)
}
