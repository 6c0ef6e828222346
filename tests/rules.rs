//! The pages `docs/rules/<id>.md`: each rule has one, and the examples on it are true.
//!
//! The examples are fenced blocks whose info string begins with the server and `bad` or `good`. A `bad` one
//! must be reported by the rule of its page and by no other, a `good` one by none. Further words:
//! `refused` (the server itself refuses this example), `refused-since=1.23.4` (a newer server does) and
//! `version=1.29.8` (the server that reads it). A fence `json host` right after an example gives what is
//! known of the host, as a part of a `Snapshot`. Where the server is installed, it judges the example too.
//!
//! To add a server: one arm in [`read`] and one in [`servers::accepts`].
#![expect(clippy::print_stdout, reason = "the skipping is worth seeing")]
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod servers;
mod sound;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fix502::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};
use fix502::proxy::lint::{self, Rule};
use fix502::proxy::{self, Around, Configuration, Extent, FileBytes, Files};

/// The sections of a page, in this order and no others.
const SECTIONS: [&str; 4] = [
    "## What happens",
    "## Repair",
    "## When it is silent",
    "## Examples",
];

/// The longest line of prose.
const COLUMNS: usize = 80;

/// Files that distributions install beside the main file: what an example may include.
const BESIDE: [(&str, &str); 5] = [
    (
        "fastcgi.conf",
        "fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\n\
         fastcgi_param QUERY_STRING $query_string;\nfastcgi_param REQUEST_METHOD $request_method;\n",
    ),
    (
        "fastcgi_params",
        "fastcgi_param QUERY_STRING $query_string;\nfastcgi_param REQUEST_METHOD $request_method;\n",
    ),
    (
        "proxy_params",
        "proxy_set_header Host $http_host;\nproxy_set_header X-Real-IP $remote_addr;\n\
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
         proxy_set_header X-Forwarded-Proto $scheme;\n",
    ),
    (
        "uwsgi_params",
        "uwsgi_param QUERY_STRING $query_string;\nuwsgi_param REQUEST_METHOD $request_method;\n",
    ),
    ("mime.types", "types { text/html html; text/css css; }\n"),
];

/// One example of a page.
struct Example {
    /// The page's rule.
    rule: String,
    /// The line of its fence in the page, from 1.
    line: usize,
    /// `nginx`, `apache`, `squid`.
    server: String,
    bad: bool,
    /// The rest of the info string.
    words: Vec<String>,
    text: String,
    host: Option<Snapshot>,
}

impl Example {
    fn name(&self) -> String {
        format!("docs/rules/{}.md:{}", self.rule, self.line)
    }

    fn is(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    /// The value of a word such as `version=1.29.8`.
    fn version(&self, key: &str) -> Option<(u32, u32, u32)> {
        let text = self.words.iter().find_map(|word| word.strip_prefix(key))?;
        let mut numbers = text.split('.').map(|part| part.parse::<u32>().unwrap());
        Some((
            numbers.next()?,
            numbers.next().unwrap_or(0),
            numbers.next().unwrap_or(0),
        ))
    }
}

/// The file as the server gets it. Nothing goes before the example but on its first line, so that line
/// numbers are those of the example.
fn whole(server: &str, text: &str) -> String {
    let is_whole = |line: &str| {
        let mut words = line.split(|character: char| character.is_whitespace() || character == '{');
        matches!(words.next(), Some("events" | "http" | "stream"))
    };
    if server != "nginx" || text.lines().any(is_whole) {
        return text.to_owned();
    }
    format!("events {{}} http {{ {text}\n}}\n")
}

/// Files in memory: the example, and what may be included beside it.
struct Memory(BTreeMap<String, String>);

impl Files for Memory {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        let text = self.0.get(path).ok_or("no such file")?;
        Ok(FileBytes {
            bytes: text.clone().into_bytes(),
            ..FileBytes::default()
        })
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let start = format!("{}/", directory.trim_end_matches('/'));
        let below = self.0.keys().filter_map(|path| path.strip_prefix(&start));
        below
            .filter_map(|path| path.split('/').next())
            .map(str::to_owned)
            .collect()
    }
}

/// Reads a configuration as the program would.
fn read(server: &str, text: &str, version: Option<(u32, u32, u32)>) -> Configuration {
    let main = match server {
        "nginx" => "/etc/nginx/nginx.conf",
        "apache" => "/etc/apache2/apache2.conf",
        _ => "/etc/squid/squid.conf",
    };
    let mut files: BTreeMap<String, String> = BESIDE
        .iter()
        .map(|(name, text)| (format!("/etc/nginx/{name}"), (*text).to_owned()))
        .collect();
    files.insert(main.to_owned(), text.to_owned());
    let files = Memory(files);
    let kind = match server {
        "nginx" => ProxyKind::Nginx,
        "apache" => ProxyKind::Apache,
        "squid" => ProxyKind::Squid,
        other => panic!("there are no examples for {other}"),
    };
    // The real server has them as well: see [`servers::accepts`].
    let modules = match server {
        "apache" => servers::apache_modules(text)
            .map(|module| format!("mod_{module}.c"))
            .chain(
                [
                    "core.c",
                    "mod_so.c",
                    "http_core.c",
                    "mod_log_config.c",
                    "mod_version.c",
                    "mod_unixd.c",
                ]
                .map(str::to_owned),
            )
            .collect(),
        _ => Vec::new(),
    };
    let around = Around {
        version,
        modules,
        ..Around::default()
    };
    proxy::read(kind, &[main.to_owned()], Extent::Whole, &files, &around)
        .unwrap_or_else(|| panic!("there is no reader for {server}"))
}

/// Everything that is said about an example: errors of the reader, then findings.
fn said(example: &Example) -> (Vec<ConfigProblem>, Vec<ConfigProblem>) {
    let text = whole(&example.server, &example.text);
    let configuration = read(&example.server, &text, example.version("version="));
    let around = example.host.clone().unwrap_or_default();
    // Some rules are about what the server refuses: those the reader reports among its errors.
    let (mut found, errors): (Vec<_>, Vec<_>) = configuration
        .summary()
        .errors
        .into_iter()
        .partition(|problem| lint::rule(&problem.rule).is_some());
    found.extend(configuration.lint(&around).problems);
    (errors, found)
}

fn shown(problems: &[ConfigProblem]) -> String {
    let one = |problem: &ConfigProblem| {
        format!(
            "    {:?} {} in line {}: {}",
            problem.level, problem.rule, problem.place.line, problem.message
        )
    };
    problems.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules")
}

/// Ids and texts of all pages, sorted.
fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<(String, String)> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .map(|path| {
            let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (id, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

/// The examples of a page.
fn examples_of(id: &str, page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let text: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .collect();
        let words: Vec<&str> = info.split(' ').collect();
        match words.as_slice() {
            ["json", "host"] => {
                let host = serde_json::from_str(&text.join("\n"))
                    .unwrap_or_else(|error| panic!("{id}: the host of line {}: {error}", number + 1));
                examples.last_mut().expect("an example before its host").host = Some(host);
            }
            [
                server @ ("nginx" | "apache" | "squid"),
                kind @ ("bad" | "good"),
                more @ ..,
            ] => {
                examples.push(Example {
                    rule: id.to_owned(),
                    line: number + 1,
                    server: (*server).to_owned(),
                    bad: *kind == "bad",
                    words: more.iter().map(|word| (*word).to_owned()).collect(),
                    text: text.join("\n"),
                    host: None,
                });
            }
            ["sh" | "text" | ""] => {}
            other => panic!("{id}: line {}: no such kind of example: {other:?}", number + 1),
        }
    }
    examples
}

fn examples() -> Vec<Example> {
    let pages = pages();
    assert!(!pages.is_empty(), "there are no pages");
    pages.iter().flat_map(|(id, page)| examples_of(id, page)).collect()
}

#[test]
fn every_rule_has_a_page_and_every_page_a_rule() {
    let pages: BTreeSet<String> = pages().into_iter().map(|(id, _)| id).collect();
    let rules: BTreeSet<String> = lint::rules().map(|rule| rule.id.to_owned()).collect();
    let without_page: Vec<_> = rules.difference(&pages).collect();
    let without_rule: Vec<_> = pages.difference(&rules).collect();
    assert!(
        without_page.is_empty() && without_rule.is_empty(),
        "rules without page: {without_page:?}, pages without rule: {without_rule:?}"
    );
}

#[test]
fn the_table_of_rules_is_in_order_and_each_number_is_there_once() {
    let rules: Vec<&Rule> = lint::rules().collect();
    for two in rules.windows(2).filter(|two| two[0].proxy == two[1].proxy) {
        assert!(two[0].number() < two[1].number(), "{} {}", two[0].id, two[1].id);
    }
    let numbers: BTreeSet<&str> = rules.iter().map(|rule| rule.number()).collect();
    assert_eq!(numbers.len(), rules.len());
    for rule in rules {
        let title = rule.title;
        assert!(
            !title.ends_with('.') && title.len() < 90 && !title.is_empty(),
            "{}: {title}",
            rule.id
        );
        if let Some(cause) = rule.cause {
            assert!(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join(format!("docs/causes/{cause}.md"))
                    .exists(),
                "{}: there is no cause {cause}",
                rule.id
            );
        }
    }
}

#[test]
fn a_rule_page_has_the_fixed_form() {
    let mut wrong = Vec::new();
    for (id, page) in pages() {
        let mut complain = |what: String| wrong.push(format!("{id}: {what}"));
        let lines: Vec<&str> = page.lines().collect();
        if lines.first() != Some(&format!("# {id}").as_str()) {
            complain("the first line is not its id".to_owned());
        }
        let sentence: Vec<&str> = lines
            .iter()
            .skip(2)
            .copied()
            .take_while(|line| !line.is_empty())
            .collect();
        let sentence = sentence.join(" ");
        if sentence.starts_with('#') || !sentence.ends_with('.') || sentence.len() < 20 {
            complain(format!("it does not begin with one sentence: {sentence:?}"));
        }
        let mut fenced = false;
        let mut headings = Vec::new();
        for line in &lines {
            if line.starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                if line.starts_with("##") {
                    headings.push(*line);
                }
                if line.chars().count() > COLUMNS && !line.starts_with("    ") {
                    complain(format!("longer than {COLUMNS} columns: {line}"));
                }
            }
        }
        if fenced {
            complain("a fence is open".to_owned());
        }
        if headings != SECTIONS {
            complain(format!("its sections are {headings:?}"));
        }
        for two in page.split("\n## ").skip(1) {
            let body = two.split_once('\n').map_or("", |(_, body)| body).trim();
            if body.is_empty() {
                complain(format!("an empty section: {}", two.trim()));
            }
        }
        let examples = examples_of(&id, &page);
        for bad in [true, false] {
            if !examples.iter().any(|example| example.bad == bad) {
                let kind = if bad { "bad" } else { "good" };
                complain(format!("it has no {kind} example"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_bad_example_is_reported_by_its_rule_alone() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for example in examples().iter().filter(|example| example.bad) {
        count += 1;
        let (errors, found) = said(example);
        let (own, other): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|problem| problem.rule == example.rule);
        let other: Vec<_> = other
            .into_iter()
            .filter(|problem| problem.level > ProblemLevel::Info)
            .collect();
        if own.is_empty() {
            wrong.push(format!("{}: its rule does not see it", example.name()));
        }
        if !other.is_empty() {
            wrong.push(format!("{}: seen by others\n{}", example.name(), shown(&other)));
        }
        if !errors.is_empty() && !example.is("refused") {
            wrong.push(format!("{}: not read\n{}", example.name(), shown(&errors)));
        }
        for problem in own {
            let rule = lint::rule(&problem.rule).expect("its rule");
            if problem.level > rule.level || problem.place.line == 0 || problem.message.ends_with('.') {
                wrong.push(format!("{}: {problem:?}", example.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 0);
}

#[test]
fn a_good_example_is_sound() {
    let mut wrong = Vec::new();
    for example in examples().iter().filter(|example| !example.bad) {
        let (errors, found) = said(example);
        let worth_a_word: Vec<_> = found
            .into_iter()
            .filter(|problem| problem.rule == example.rule || problem.level > ProblemLevel::Info)
            .collect();
        if !(worth_a_word.is_empty() && errors.is_empty()) {
            wrong.push(format!(
                "{}\n{}\n{}",
                example.name(),
                shown(&errors),
                shown(&worth_a_word)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A rule that needs the host says nothing without it.
#[test]
fn without_facts_of_the_host_a_rule_that_needs_them_is_silent() {
    for example in examples().iter().filter(|example| example.bad) {
        let rule = lint::rule(&example.rule).expect("its rule");
        if !rule.needs_host() {
            continue;
        }
        assert!(example.host.is_some(), "{}: no host is given", example.name());
        let text = whole(&example.server, &example.text);
        let configuration = read(&example.server, &text, example.version("version="));
        let found = configuration.lint(&Snapshot::default()).problems;
        assert!(
            found.iter().all(|problem| problem.rule != example.rule),
            "{}\n{}",
            example.name(),
            shown(&found)
        );
    }
}

/// A change of the file that is offered as certain repairs the example.
#[test]
fn an_edit_repairs_what_was_found() {
    for example in examples().iter().filter(|example| example.bad) {
        let text = whole(&example.server, &example.text);
        let around = example.host.clone().unwrap_or_default();
        let version = example.version("version=");
        let found = read(&example.server, &text, version).lint(&around).problems;
        for problem in found.iter().filter(|problem| problem.rule == example.rule) {
            let Some(edit) = &problem.edit else { continue };
            let changed = with_edit(&text, edit);
            let after = read(&example.server, &changed, version);
            let count = |problems: &[ConfigProblem]| {
                problems.iter().filter(|problem| problem.rule == example.rule).count()
            };
            assert!(
                count(&after.lint(&around).problems) < count(&found),
                "{}: the edit does not help\n{changed}",
                example.name()
            );
            if !example.is("refused") {
                let errors = after.summary().errors;
                assert!(
                    errors.is_empty(),
                    "{}\n{}\n{changed}",
                    example.name(),
                    shown(&errors)
                );
            }
        }
    }
}

/// The text after an edit.
fn with_edit(text: &str, edit: &fix502::evidence::TextEdit) -> String {
    let offset = |(line, column): (u32, u32)| {
        let before: usize = text
            .split_inclusive('\n')
            .take(usize::try_from(line).unwrap() - 1)
            .map(str::len)
            .sum();
        before + usize::try_from(column).unwrap() - 1
    };
    format!(
        "{}{}{}",
        &text[..offset(edit.start)],
        edit.replacement,
        &text[offset(edit.end)..]
    )
}

#[test]
fn the_real_servers_judge_the_examples_alike() {
    let mut wrong = Vec::new();
    for example in examples() {
        let text = whole(&example.server, &example.text);
        let Some(judgement) = servers::accepts(&example.server, &text) else {
            println!("skipped: {}: {} is not installed", example.name(), example.server);
            continue;
        };
        let newer = example
            .version("refused-since=")
            .is_some_and(|since| judgement.version >= since);
        if judgement.accepted == (example.is("refused") || newer) {
            wrong.push(format!(
                "{}: accepted: {}\n{}",
                example.name(),
                judgement.accepted,
                judgement.output
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_about_lint_lists_every_rule_as_it_is() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lint.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = lint::rules()
        .map(|rule| {
            let level = format!("{:?}", rule.level).to_lowercase();
            let host = if rule.needs_host() { "yes" } else { "no" };
            format!("| `{}` | {level} | {host} | {} |", rule.id, rule.title)
        })
        .collect();
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let listed: BTreeSet<&str> = rows.iter().copied().collect();
    let missing: Vec<_> = expected.difference(&listed).collect();
    let wrong: Vec<_> = listed.difference(&expected).collect();
    assert!(
        missing.is_empty() && wrong.is_empty() && rows.len() == listed.len(),
        "docs/lint.md: to be added: {missing:#?}, to be removed: {wrong:#?}"
    );
}

#[test]
fn every_rule_is_explained_by_the_program() {
    for rule in lint::rules() {
        for name in [rule.id, rule.number()] {
            let page = fix502::explain::page(Some(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(page.starts_with(&format!("# {}\n", rule.id)), "{name}");
        }
    }
}
