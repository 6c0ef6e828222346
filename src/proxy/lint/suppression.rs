//! Findings that a person has decided to live with: `# fix502: allow N044-ws-always because …` at the end of
//! the line, or in a line of its own above it.
//!
//! Without a reason, or with a rule that does not exist, nothing is suppressed and the comment itself is
//! reported; so is one that has nothing to suppress. Comments look alike for every server, so that this
//! knows no server. What the reader of a configuration refuses never comes through here.

use foldhash::HashMap;

use super::{Rule, rule};
use crate::evidence::{ConfigProblem, Place, ProblemLevel, SuppressedProblem};

/// What every such comment holds.
const NAME: &[u8] = b"fix502";

/// The longest excerpt of a source line, in bytes.
const EXCERPT_BYTES: usize = 200;

/// A comment that suppresses.
struct Suppression {
    rule: &'static Rule,
    place: Place,
    excerpt: String,
    /// What follows `because`.
    reason: String,
    used: bool,
}

/// What a comment says.
#[derive(Debug, PartialEq, Eq)]
enum Comment<'a> {
    /// A rule, and the reason.
    Allow(&'a str, String),
    WithoutReason(&'a str),
    NotUnderstood,
}

/// Takes out what is suppressed, and adds what is wrong with the comments. Gives what was taken out.
pub(super) fn apply(files: &[(&str, &[u8])], problems: &mut Vec<ConfigProblem>) -> Vec<SuppressedProblem> {
    let mut suppressions = Vec::new();
    // By file and line, for each rule.
    let mut at: HashMap<(&str, u32, &str), usize> = HashMap::default();
    let mut told = Vec::new();
    for (path, bytes) in files {
        // Most files have no such comment, and need not be cut into lines.
        if memchr::memmem::find(bytes, NAME).is_none() {
            continue;
        }
        // Comments in lines of their own wait for the line they are about.
        let mut waiting: Vec<usize> = Vec::new();
        let mut number = 0_u32;
        for line in bytes.split(|byte| *byte == b'\n') {
            number = number.saturating_add(1);
            let Some((column, text)) = comment(line) else {
                for index in waiting.drain(..) {
                    if let Some(known) = suppressions.get(index).map(|known: &Suppression| known.rule.id) {
                        at.insert((path, number, known), index);
                    }
                }
                continue;
            };
            let alone = line
                .get(..column)
                .is_some_and(|before| before.iter().all(u8::is_ascii_whitespace));
            let place = Place {
                file: (*path).to_owned(),
                line: number,
                column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
            };
            match understood(&text, place, excerpt(line)) {
                Ok(suppression) => {
                    let index = suppressions.len();
                    at.insert((path, number, suppression.rule.id), index);
                    suppressions.push(suppression);
                    if alone {
                        waiting.push(index);
                    }
                }
                Err(problem) => told.push(*problem),
            }
            if !alone {
                for index in waiting.drain(..) {
                    if let Some(known) = suppressions.get(index).map(|known| known.rule.id) {
                        at.insert((path, number, known), index);
                    }
                }
            }
        }
    }
    if suppressions.is_empty() && told.is_empty() {
        return Vec::new();
    }
    let mut suppressed = Vec::new();
    problems.retain(|problem| {
        let key = (
            problem.place.file.as_str(),
            problem.place.line,
            problem.rule.as_str(),
        );
        let suppression = at.get(&key).and_then(|index| suppressions.get_mut(*index));
        match suppression {
            Some(suppression) => {
                suppression.used = true;
                suppressed.push(SuppressedProblem {
                    problem: problem.clone(),
                    reason: suppression.reason.clone(),
                    comment: suppression.place.clone(),
                });
                false
            }
            None => true,
        }
    });
    // A rule that needs the host may only have had too little to go by.
    let unused = suppressions
        .into_iter()
        .filter(|suppression| !suppression.used && suppression.rule.needs.is_none())
        .map(|suppression| {
            finding(
                "suppression-unused",
                ProblemLevel::Info,
                format!("{} has nothing to report here", suppression.rule.id),
                suppression.place,
                suppression.excerpt,
            )
        });
    problems.extend(unused);
    problems.append(&mut told);
    suppressed
}

fn understood(text: &str, place: Place, excerpt: String) -> Result<Suppression, Box<ConfigProblem>> {
    let (name, reason) = match read(text) {
        Comment::Allow(name, reason) => (name, reason),
        Comment::WithoutReason(name) => {
            let message = format!("{name} is not suppressed: the comment gives no reason");
            let mut problem = finding(
                "suppression-without-reason",
                ProblemLevel::Warning,
                message,
                place,
                excerpt,
            );
            problem.repair = Some(format!("# fix502: allow {name} because …"));
            return Err(Box::new(problem));
        }
        Comment::NotUnderstood => {
            let message = "nothing is suppressed: the comment names no rule".to_owned();
            let mut problem = finding(
                "suppression-unknown-rule",
                ProblemLevel::Warning,
                message,
                place,
                excerpt,
            );
            problem.repair = Some("# fix502: allow RULE because …".to_owned());
            return Err(Box::new(problem));
        }
    };
    match rule(name) {
        Some(rule) => Ok(Suppression {
            rule,
            place,
            excerpt,
            reason,
            used: false,
        }),
        None => Err(Box::new(finding(
            "suppression-unknown-rule",
            ProblemLevel::Warning,
            format!("nothing is suppressed: there is no rule {name}"),
            place,
            excerpt,
        ))),
    }
}

/// The comment to this program in a line: the column of its `#`, counted from 0, and its text after
/// `fix502:`.
fn comment(line: &[u8]) -> Option<(usize, String)> {
    let mut from = 0_usize;
    loop {
        let rest = line.get(from..)?;
        let at = from.saturating_add(rest.iter().position(|byte| *byte == b'#')?);
        let begins_word = at == 0
            || at
                .checked_sub(1)
                .and_then(|before| line.get(before))
                .is_some_and(|byte| byte.is_ascii_whitespace() || b";{}".contains(byte));
        let after = line.get(at.saturating_add(1)..)?;
        let said = after.trim_ascii_start().strip_prefix(b"fix502:");
        if let Some(said) = said.filter(|_| begins_word) {
            return Some((at, String::from_utf8_lossy(said).trim().to_owned()));
        }
        from = at.saturating_add(1);
    }
}

fn read(text: &str) -> Comment<'_> {
    let mut words = text.split_whitespace();
    let (Some("allow"), Some(name)) = (words.next(), words.next()) else {
        return Comment::NotUnderstood;
    };
    let because = words.next().is_some_and(|word| word.eq_ignore_ascii_case("because"));
    let reason = words.collect::<Vec<_>>().join(" ");
    if because && reason.contains(char::is_alphanumeric) {
        Comment::Allow(name, reason)
    } else {
        Comment::WithoutReason(name)
    }
}

fn excerpt(line: &[u8]) -> String {
    let shown = line.get(..EXCERPT_BYTES).unwrap_or(line);
    String::from_utf8_lossy(shown).trim_end().to_owned()
}

fn finding(id: &str, level: ProblemLevel, message: String, place: Place, excerpt: String) -> ConfigProblem {
    ConfigProblem {
        rule: id.to_owned(),
        level,
        message,
        place,
        excerpt,
        ..ConfigProblem::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/etc/nginx/nginx.conf";

    fn problem(line: u32) -> ConfigProblem {
        finding(
            "N009-return-beats-pass",
            ProblemLevel::Warning,
            "said".to_owned(),
            Place {
                file: PATH.to_owned(),
                line,
                column: 5,
            },
            String::new(),
        )
    }

    fn left(text: &str, lines: &[u32]) -> Vec<(String, u32)> {
        let mut problems: Vec<ConfigProblem> = lines.iter().map(|line| problem(*line)).collect();
        apply(&[(PATH, text.as_bytes())], &mut problems);
        problems
            .into_iter()
            .map(|problem| (problem.rule, problem.place.line))
            .collect()
    }

    fn rules(left: &[(String, u32)]) -> Vec<&str> {
        left.iter().map(|(rule, _)| rule.as_str()).collect()
    }

    #[test]
    fn a_comment_in_the_line_or_above_it_suppresses() {
        let reason = "# fix502: allow N009-return-beats-pass because of the maintenance";
        assert!(left(&format!("a;\nreturn 503; {reason}\n"), &[2]).is_empty());
        assert!(left(&format!("a;\n    {reason}\nreturn 503;\n"), &[3]).is_empty());
        assert!(left("# fix502: allow n009 because it is meant\nreturn 503;", &[2]).is_empty());
        let two = "#fix502: allow N009 because one\n# fix502: allow N080 because two\nreturn 502;";
        assert_eq!(rules(&left(two, &[3])), ["suppression-unused"]);
    }

    #[test]
    fn another_line_and_another_rule_are_not_suppressed() {
        let text = "return 1; # fix502: allow N009 because x\nreturn 2;\n";
        assert_eq!(
            rules(&left(text, &[2])),
            ["N009-return-beats-pass", "suppression-unused"]
        );
        let text = "# fix502: allow N080 because x\nreturn 2;\n";
        assert_eq!(
            rules(&left(text, &[2])),
            ["N009-return-beats-pass", "suppression-unused"]
        );
    }

    #[test]
    fn without_a_reason_or_a_known_rule_nothing_is_suppressed() {
        for text in [
            "# fix502: allow N009",
            "# fix502: allow N009 because",
            "# fix502: allow N009 because …",
            "# fix502: allow N009 it is meant",
        ] {
            assert_eq!(
                rules(&left(text, &[1])),
                ["N009-return-beats-pass", "suppression-without-reason"],
                "{text}"
            );
        }
        for text in [
            "# fix502: allow N999-nothing because x",
            "# fix502: alow N009 because x",
            "# fix502:",
            "# fix502: allow syntax because x",
        ] {
            assert_eq!(
                rules(&left(text, &[1])),
                ["N009-return-beats-pass", "suppression-unknown-rule"],
                "{text}"
            );
        }
    }

    #[test]
    fn a_sign_inside_a_word_begins_no_comment() {
        assert_eq!(comment(b"return 200 a#fix502:"), None);
        assert_eq!(comment(b"a; ## fix502: allow"), None);
        assert_eq!(comment(b"a;#fix502: allow x"), Some((2, "allow x".to_owned())));
    }
}
