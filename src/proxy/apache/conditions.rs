//! Sections that are decided while the file is read: `<IfModule>`, `<IfDefine>`, `<IfVersion>`, `<IfFile>`,
//! `<IfDirective>`, `<IfSection>`. (`<If>` is decided for each request and is an ordinary section here.)

use std::collections::BTreeSet;

use super::lexer::split;
use super::modules::Modules;
use super::{directives, paths};
use crate::proxy::Files;

/// What a condition asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Module,
    Define,
    Version,
    File,
    Directive,
    Section,
}

/// What conditions look at.
pub(super) struct Context<'a> {
    pub(super) modules: &'a Modules,
    pub(super) defines: &'a BTreeSet<String>,
    pub(super) version: (u32, u32, u32),
    pub(super) server_root: &'a str,
    pub(super) files: &'a dyn Files,
}

/// The kind of a section by its name without `<`.
pub(super) fn kind(name: &str) -> Option<Kind> {
    Some(match name.to_ascii_lowercase().as_str() {
        "ifmodule" => Kind::Module,
        "ifdefine" => Kind::Define,
        "ifversion" => Kind::Version,
        "iffile" => Kind::File,
        "ifdirective" => Kind::Directive,
        "ifsection" => Kind::Section,
        _ => return None,
    })
}

/// Whether the body applies. The error is what the server says when it refuses the section.
pub(super) fn holds(kind: Kind, argument: &str, context: &Context<'_>) -> Result<bool, String> {
    if kind == Kind::Version {
        return version(argument, context.version);
    }
    let argument = argument.trim_start();
    let (negated, rest) = match argument.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, argument),
    };
    let words = split(rest);
    let Some(word) = words.first().filter(|word| !word.is_empty()) else {
        return Err("the section needs an argument".to_owned());
    };
    let found = match kind {
        Kind::Module => context.modules.has(word),
        Kind::Define => context.defines.contains(word),
        Kind::File => {
            let path = paths::absolute(context.server_root, word);
            match context.files.read(&path) {
                Ok(_) => true,
                Err(reason) => !reason.contains("no such file") && !reason.contains("not a directory"),
            }
        }
        Kind::Directive => is_loaded(word, context.modules),
        Kind::Section => is_loaded(&format!("<{word}"), context.modules),
        Kind::Version => false,
    };
    Ok(found != negated)
}

fn is_loaded(name: &str, modules: &Modules) -> bool {
    directives::modules_of(name)
        .iter()
        .any(|module| *module == "core_module" || modules.has(module))
}

/// `[!][operator] version`, where the operator is `=` when it is left out.
fn version(argument: &str, actual: (u32, u32, u32)) -> Result<bool, String> {
    let words = split(argument);
    let (operator, wanted) = match words.as_slice() {
        [wanted] => ("", wanted.as_str()),
        [operator, wanted] => (operator.as_str(), wanted.as_str()),
        _ => return Err("IfVersion takes an operator and a version".to_owned()),
    };
    let (negated, operator) = match operator.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, operator),
    };
    let (negated, wanted) = match wanted.strip_prefix('!') {
        Some(rest) if operator.is_empty() => (!negated, rest),
        _ => (negated, wanted),
    };
    let expression = wanted.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let found = if operator == "~" || (expression.is_some() && matches!(operator, "" | "=" | "==")) {
        let shown = format!("{}.{}.{}", actual.0, actual.1, actual.2);
        let pattern = expression.unwrap_or(wanted);
        crate::proxy::nginx::pattern::matches(pattern, false, &shown)?.is_some()
    } else {
        let mut numbers = [0_u32; 3];
        let mut parts = wanted.split('.');
        for number in &mut numbers {
            if let Some(part) = parts.next() {
                *number = part.parse().map_err(|_| format!("\"{wanted}\" is not a version"))?;
            }
        }
        let wanted = (numbers[0], numbers[1], numbers[2]);
        match operator {
            "" | "=" | "==" => actual == wanted,
            ">" => actual > wanted,
            ">=" | "=>" => actual >= wanted,
            "<" => actual < wanted,
            "<=" | "=<" => actual <= wanted,
            other => return Err(format!("IfVersion does not know the operator \"{other}\"")),
        }
    };
    Ok(found != negated)
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_compared_as_mod_version_does() {
        let actual = (2, 4, 71);
        for (argument, expected) in [
            (">= 2.4", true),
            ("< 2.4.71", false),
            ("<= 2.4.71", true),
            ("2.4.71", true),
            ("!= 2.4.71", false),
            ("~ ^2\\.[24]", true),
            ("= /^2\\.2/", false),
        ] {
            assert_eq!(version(argument, actual), Ok(expected), "{argument}");
        }
        assert!(version("? 2", actual).is_err());
    }
}
