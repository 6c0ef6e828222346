//! The value of a variable in `proxy_pass` has to begin with `http://` or `https://`, or nginx answers 500.

use foldhash::HashSet;

use super::super::tree::NodeId;
use super::super::variables::{Part, has_variables, parts};
use super::super::{Config, location_select};
use super::run_time_names::RunTimeNames;
use super::upstreams::{self, Hop};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, Protocol, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N022-no-scheme-var",
        proxy: ProxyKind::Nginx,
        title: "a variable in proxy_pass yields no http:// or https:// address",
        level: ProblemLevel::Error,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let names = RunTimeNames::new(config);
    for hop in upstreams::hops(config) {
        if hop.variables
            && hop.protocol == Protocol::Http
            && location_select::script(&config.tree, hop.block).is_none()
        {
            without_scheme(config, &names, hop, problems);
            without_default(config, &names, hop, problems);
        }
    }
}

/// A value that is known and has no scheme.
fn without_scheme(config: &Config, names: &RunTimeNames<'_>, hop: &Hop, problems: &mut Vec<ConfigProblem>) {
    let values = names.values(hop.block, &hop.written);
    let lacks = |value: &String| {
        let lower = value.to_ascii_lowercase();
        // What begins with a variable of unknown value may well begin with a scheme.
        !lower.starts_with('$') && !lower.starts_with("http://") && !lower.starts_with("https://")
    };
    let wrong: Vec<&String> = values.iter().filter(|value| lacks(value)).collect();
    let Some(first) = wrong.first() else {
        return;
    };
    let always = wrong.len() == values.len();
    // An empty value is often what a test in front of the pass looks for.
    if first.is_empty() && !always {
        return;
    }
    let shown = if first.is_empty() {
        "nothing".to_owned()
    } else {
        format!("\"{first}\"")
    };
    let message = format!(
        "{} yields {shown}, which does not begin with http:// or https://",
        hop.written
    );
    let mut found = problem(config, &CHECK.rule, hop.node, message);
    if always {
        "500 always".clone_into(&mut found.effect);
    } else {
        found.level = ProblemLevel::Warning;
        found.effect = format!("500 whenever it yields {shown}");
    }
    if always && hop.written.starts_with('$') && !first.is_empty() {
        found.repair = Some(format!("proxy_pass http://{};", hop.written));
        found.edit = super::edits::replace_argument(config, hop.node, 0, &format!("http://{}", hop.written));
    }
    problems.push(found);
}

/// A `map` without `default` yields nothing for every other key.
fn without_default(config: &Config, names: &RunTimeNames<'_>, hop: &Hop, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let variable = match parts(&hop.written).as_slice() {
        [Part::Variable(name), ..] => (*name).to_owned(),
        [Part::Text(text), Part::Variable(name), ..] if text.ends_with("://") => (*name).to_owned(),
        _ => return,
    };
    if !names.sets(hop.block, &variable).is_empty() || is_tested(config, hop.block, &variable) {
        return;
    }
    let [map] = names.maps(&variable) else {
        return;
    };
    let entries: Vec<NodeId> = tree
        .children(*map)
        .filter(|entry| tree.argument_count(*entry) > 0)
        .collect();
    let complete = entries.iter().any(|entry| {
        matches!(
            tree.name(*entry),
            "default" | "include" | "~." | "~.*" | "~^" | "~*." | "~*.*"
        )
    });
    if complete || entries.is_empty() || covers_the_names(config, *map, hop.block) {
        return;
    }
    let source = tree.argument(*map, 0);
    let message = format!(
        "{} yields no address when {source} has no entry in the map at {}, which has no default",
        hop.written,
        config.place(*map)
    );
    let mut found = problem(config, &CHECK.rule, hop.node, message);
    found.level = ProblemLevel::Warning;
    found.effect = format!("500 for every request whose {source} is in no entry of the map");
    problems.push(found);
}

/// An `if` on the way looks at the variable: it may send the request elsewhere.
fn is_tested(config: &Config, block: NodeId, variable: &str) -> bool {
    let tree = &config.tree;
    tree.around(block).any(|level| {
        tree.named(level, "if")
            .chain((tree.name(level) == "if").then_some(level))
            .any(|test| {
                tree.arguments(test).any(|word| {
                    parts(word).iter().any(
                        |part| matches!(part, Part::Variable(name) if name.eq_ignore_ascii_case(variable)),
                    )
                })
            })
    })
}

/// The map is by host name, and has an entry for every name of the server.
fn covers_the_names(config: &Config, map: NodeId, block: NodeId) -> bool {
    let tree = &config.tree;
    let source = tree.argument(map, 0).to_ascii_lowercase();
    if !matches!(
        source.as_str(),
        "$host" | "$http_host" | "$server_name" | "$ssl_server_name" | "$ssl_preread_server_name"
    ) {
        return false;
    }
    let Some(server) = tree.around(block).find(|level| tree.name(*level) == "server") else {
        return false;
    };
    let keys: HashSet<String> = tree
        .children(map)
        .map(|entry| tree.name(entry).to_ascii_lowercase())
        .collect();
    let mut names = tree
        .named(server, "server_name")
        .flat_map(|node| tree.arguments(node))
        .peekable();
    names.peek().is_some()
        && names.all(|name| !has_variables(name) && keys.contains(&name.to_ascii_lowercase()))
}
