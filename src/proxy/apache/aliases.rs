//! `mod_alias`: `Redirect` and `Alias`, and the file that a path stands for.

use super::layers::Layers;
use super::passes::{alias_match, substitute};
use super::tree::{ROOT, StatementId};
use super::{Config, paths};
use crate::proxy::nginx::pattern;

/// Which of the lines of a section are asked: httpd keeps those without a path apart, and asks them first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Redirects {
    /// `Redirect 302 /elsewhere` in a section: everything in it.
    WithoutPath,
    /// `Redirect 302 /here /elsewhere`, and all of the server.
    WithPath,
}

/// The status of a `Redirect…` that takes the path, of those directly in this section.
pub(super) fn redirect(
    config: &Config,
    section: StatementId,
    path: &str,
    wanted: Redirects,
) -> Option<(u16, StatementId)> {
    if !config.modules.has("alias_module") {
        return None;
    }
    for id in config.tree.children(section) {
        let statement = config.tree.get(id);
        let fixed = match statement.name().to_ascii_lowercase().as_str() {
            "redirect" | "redirectmatch" => None,
            "redirectpermanent" => Some(301),
            "redirecttemp" => Some(302),
            _ => continue,
        };
        let words: Vec<&str> = statement.arguments().iter().map(|word| word.text).collect();
        let status = fixed.or_else(|| status(words.first().copied().unwrap_or_default()));
        let first = usize::from(fixed.is_none() && status.is_some());
        let rest = words.get(first..).unwrap_or_default();
        let status = status.unwrap_or(302);
        // In a section the path may be left out; a status that is no redirect has no target.
        let has_target = (300..400).contains(&status);
        let from = match (rest.len(), has_target) {
            (2.., _) | (1, false) => rest.first().copied(),
            _ => None,
        };
        if section != ROOT && from.is_some() != (wanted == Redirects::WithPath) {
            continue;
        }
        let matched = match from {
            None => section != ROOT || rest.is_empty(),
            Some(from) if statement.is("RedirectMatch") => {
                pattern::matches(from, false, path).is_ok_and(|found| found.is_some())
            }
            Some(from) => alias_match(path, from).is_some(),
        };
        if matched {
            return Some((status, id));
        }
    }
    None
}

fn status(word: &str) -> Option<u16> {
    match word.to_ascii_lowercase().as_str() {
        "permanent" => Some(301),
        "temp" => Some(302),
        "seeother" => Some(303),
        "gone" => Some(410),
        other if other.bytes().all(|byte| byte.is_ascii_digit()) => other.parse().ok(),
        _ => None,
    }
}

/// The file a path stands for, and the `Alias` or `DocumentRoot` that says so.
pub(super) fn file(config: &Config, layers: &Layers, path: &str) -> (String, Option<StatementId>) {
    if config.modules.has("alias_module") {
        // Those of the virtual host come before those of the main server.
        for section in layers.sections.iter().take(2).rev() {
            for id in config.tree.children(*section) {
                let statement = config.tree.get(id);
                let (from, to) = (statement.argument(0), statement.argument(1));
                if statement.is("Alias") || statement.is("ScriptAlias") {
                    if let Some(length) = alias_match(path, from) {
                        let rest = path.get(length..).unwrap_or_default();
                        return (
                            paths::absolute(&config.server_root, &format!("{to}{rest}")),
                            Some(id),
                        );
                    }
                } else if (statement.is("AliasMatch") || statement.is("ScriptAliasMatch"))
                    && let Ok(Some(captures)) = pattern::matches(from, false, path)
                {
                    let to = substitute(to, &captures.numbered);
                    return (paths::absolute(&config.server_root, &to), Some(id));
                }
            }
        }
    }
    below_root(config, layers, path)
}

/// The file of a path below `DocumentRoot`, whatever `Alias` says.
pub(super) fn below_root(config: &Config, layers: &Layers, path: &str) -> (String, Option<StatementId>) {
    let root = layers
        .sections
        .iter()
        .take(2)
        .rev()
        .find_map(|section| config.tree.last(*section, "DocumentRoot"));
    let directory = root.map_or("/usr/local/apache2/htdocs", |id| config.tree.get(id).argument(0));
    (
        paths::absolute(&config.server_root, &format!("{directory}/{path}")),
        root,
    )
}
