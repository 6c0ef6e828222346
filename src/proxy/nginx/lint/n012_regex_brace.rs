//! `{` in a regular expression without quotes ends the word: what nginx then says is misleading.

use super::super::Config;
use super::super::tree::NodeId;
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot, TextEdit};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N012-regex-brace",
        proxy: ProxyKind::Nginx,
        title: "a brace in a regular expression without quotes opens a block",
        level: ProblemLevel::Error,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for node in 1..tree.len() {
        let is_cut = tree.is_block(node)
            && tree
                .children(node)
                .next()
                .filter(|first| tree.symbol(*first).is_none())
                .is_some_and(|first| is_rest_of_repetition(tree.name(first)));
        if !is_cut {
            continue;
        }
        let message = format!(
            "the \"{{\" in the regular expression of \"{}\" opens a block: it needs quotes",
            tree.name(node)
        );
        let mut found = problem(config, &CHECK.rule, node, message);
        found.edit = quotes(config, node);
        found.repair = found.edit.as_ref().map(|edit| edit.replacement.clone());
        problems.push(found);
    }
}

/// `2}$`, `1,3})/x`: what is left when a repetition was cut.
fn is_rest_of_repetition(word: &str) -> bool {
    word.split_once('}').is_some_and(|(count, _)| {
        count.starts_with(|first: char| first.is_ascii_digit())
            && count
                .chars()
                .all(|character| character.is_ascii_digit() || character == ',')
    })
}

/// Quotes around the whole expression, as it stands in the file.
fn quotes(config: &Config, node: NodeId) -> Option<TextEdit> {
    let tree = &config.tree;
    let last = tree.argument_count(node).checked_sub(1);
    let (line, column) = if let Some(word) = last.and_then(|last| tree.written_at(node, last)) {
        word.start
    } else {
        let place = tree.place(node);
        (place.line, place.column)
    };
    let file = tree.file_of(node)?;
    let text = tree.line(&file.path, line);
    let rest = text.get(usize::try_from(column).ok()?.checked_sub(1)?..)?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b';'))
        .unwrap_or(rest.len());
    let word = std::str::from_utf8(rest.get(..end)?).ok()?;
    // A brace at the end may be the block's own.
    if word.contains(['"', '\'']) || word.ends_with(['{', ')']) {
        return None;
    }
    Some(TextEdit {
        file: file.path.clone(),
        start: (line, column),
        end: (line, column.checked_add(u32::try_from(end).ok()?)?),
        replacement: format!("\"{word}\""),
    })
}
