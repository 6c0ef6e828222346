//! The statements of random texts, compared with what the real server says it read (`DUMP_CONFIG`).
#![expect(clippy::disallowed_methods, reason = "a test runs the real server")]
#![expect(clippy::print_stdout, reason = "the counts are worth seeing")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::{Dice, Disk, environment, program, report, seed_and_factor};
use fix502::evidence::ProblemLevel;
use fix502::proxy::apache::{self, Config, Environment, ROOT, StatementId};

const MODULES: &str = "/usr/lib/apache2/modules";

/// What one statement is compared by: depth, name, the rest, line (0 where the server counts otherwise).
type Seen = (usize, String, String, u32);

/// The output of `DUMP_CONFIG`.
fn dumped(text: &str) -> Vec<Seen> {
    let mut found = Vec::new();
    let mut line = 0;
    let mut in_macro = false;
    for row in text.lines() {
        if let Some(file) = row.trim_start().strip_prefix("# In file: ") {
            in_macro = file.starts_with("macro ");
            continue;
        }
        let trimmed = row.trim_start();
        if let Some(number) = trimmed
            .strip_prefix('#')
            .and_then(|rest| rest.trim().strip_suffix(':'))
        {
            line = number.parse().unwrap();
            continue;
        }
        if trimmed.starts_with("</") || trimmed.is_empty() {
            continue;
        }
        let end = trimmed.find([' ', '\t']).unwrap_or(trimmed.len());
        let (name, rest) = trimmed.split_at(end);
        let name = name.trim_start_matches('<').trim_end_matches('>').to_owned();
        found.push((
            // An empty section is shown without its end, so the indent counts.
            (row.len() - trimmed.len()) / 2,
            // httpd shows the name now as it is written, now as it calls it; names are caseless.
            name.to_ascii_lowercase(),
            rest.trim().to_owned(),
            if in_macro { 0 } else { line },
        ));
    }
    found
}

/// The same of the tree that was read here.
fn ours(config: &Config) -> Vec<Seen> {
    let mut found = Vec::new();
    let mut waiting: Vec<(usize, StatementId)> = Vec::new();
    let push = |waiting: &mut Vec<(usize, StatementId)>, depth: usize, section: StatementId| {
        let mut children: Vec<StatementId> = config.children(section).collect();
        children.reverse();
        waiting.extend(children.into_iter().map(|child| (depth, child)));
    };
    push(&mut waiting, 0, ROOT);
    while let Some((depth, id)) = waiting.pop() {
        let statement = config.statement(id);
        found.push((
            depth,
            statement.name().to_ascii_lowercase(),
            statement.raw().trim().to_owned(),
            if statement.from_macro() {
                0
            } else {
                statement.last_line()
            },
        ));
        push(&mut waiting, depth + 1, id);
    }
    found
}

/// Runs the server's own reading. The error is its message.
fn real(file: &Path, variables: &BTreeMap<String, String>) -> Result<Vec<Seen>, String> {
    let output = Command::new(program().unwrap())
        .args(["-t", "-D", "DUMP_CONFIG", "-D", "CONFIG_TEST", "-f"])
        .arg(file)
        .envs(variables)
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(dumped(&String::from_utf8_lossy(&output.stdout)))
}

struct Texts {
    dice: Dice,
    count: usize,
}

impl Texts {
    /// A directive whose words may be anything.
    fn directive(&mut self, into: &mut String) {
        self.count += 1;
        let number = self.count;
        let indent = self.dice.one(&["", "  ", "\t", " \t "]);
        let name = self
            .dice
            .one(&["Header set", "header  SET", "Header\tset", "HEADER set"]);
        let value = self.dice.one(&[
            "plain",
            "\"two words\"",
            "'single quoted'",
            "\"a\\\"b\"",
            "\"a\\\\\"",
            "a\\\\b",
            "\"a\"'env=x'",
            "${one}",
            "\"${two}\"",
            "${ONE}x${one}",
            "\"${nothing}\"",
            "\"${one\"",
            "$one",
            "\"${FROM_ENVIRONMENT}\"",
            "\"x ${nothing${one}\"",
            "\"un closed",
            "'it\"s'",
            "a#b",
            "x \\\n   env=y",
            "\"x \\\n y\"",
            "\\\n z",
            "x\\\\\\\nw",
            "\\\r\n w",
            "é",
        ]);
        // Rarely, since the next directive becomes part of this one: an end that is continued twice.
        let value = if self.dice.roll(400) == 0 {
            "x\\\\\\\n"
        } else {
            value
        };
        let end = self.dice.one(&[
            "\n",
            " \n",
            "\t\r\n",
            "\n\n",
            "\n# comment\n",
            "\n# c \\\nHeader set lost 1\n",
        ]);
        write!(into, "{indent}{name} X-{number} {value}{end}").unwrap();
    }

    fn body(&mut self, depth: usize, directory: &Path, into: &mut String) {
        for _ in 0..self.dice.roll(5) {
            self.item(depth, directory, into);
        }
    }

    fn item(&mut self, depth: usize, directory: &Path, into: &mut String) {
        let choice = if depth > 4 { 0 } else { self.dice.roll(24) };
        match choice {
            10 | 11 => {
                let open = self.dice.one(&[
                    "<IfModule headers_module>",
                    "<IfModule mod_headers.c>",
                    "<IfModule !mod_headers.c>",
                    "<IfModule headers>",
                    "<ifmodule event.c>",
                    "<IfModule mpm_event_module> junk",
                    "<IfModule \"mod_headers.c\">",
                    "<IfModule !no_module>",
                    "<IfModule  mod_so.c >",
                    "<IfModule MOD_SO.C>",
                ]);
                writeln!(into, "{open}").unwrap();
                self.body(depth + 1, directory, into);
                writeln!(
                    into,
                    "{}",
                    self.dice.one(&["</IfModule>", " </ifmodule>", "</IFMODULE>\t"])
                )
                .unwrap();
            }
            12 => {
                let name = self
                    .dice
                    .one(&["one", "ONE", "bare", "!one", "!nothing", "CONFIG_TEST", "late"]);
                writeln!(into, "<IfDefine {name}>").unwrap();
                self.body(depth + 1, directory, into);
                writeln!(into, "</IfDefine>").unwrap();
            }
            13 => {
                let test = self.dice.one(&[
                    ">= 2.4",
                    "> 2.4",
                    "< 2.4",
                    "= 2.4",
                    "2.4.71",
                    "!= 2.4.71",
                    "<= 2.4.71",
                    "~ ^2\\.4",
                    "/^2.[34]/",
                    ">= 2.4.72",
                    "!< 2.4.9",
                    "== 2.4.71",
                    ">= 3",
                ]);
                writeln!(into, "<IfVersion {test}>").unwrap();
                self.body(depth + 1, directory, into);
                writeln!(into, "</IfVersion>").unwrap();
            }
            14 => {
                let test = self.dice.one(&[
                    "File /etc/passwd",
                    "File /no/such",
                    "File !/no/such",
                    "File part",
                    "File \"part/a.conf\"",
                    "Directive Header",
                    "Directive header",
                    "Directive ProxyPass",
                    "Directive !ProxyPass",
                    "Directive ServerName",
                    "Section Location",
                    "Section VirtualHost",
                    "Section Proxy",
                    "Section !Nothing",
                ]);
                let (kind, argument) = test.split_once(' ').unwrap();
                writeln!(into, "<If{kind} {argument}>").unwrap();
                self.body(depth + 1, directory, into);
                writeln!(into, "</If{kind}>").unwrap();
            }
            15 => {
                let line = self.dice.one(&[
                    "Define one 1",
                    "Define two \"2 2\"",
                    "Define one ${two}",
                    "Define bare",
                    "Define late x",
                    "UnDefine one",
                    "UnDefine bare",
                    "Define Two two",
                    "define \"three\" '3'",
                ]);
                writeln!(into, "{line}").unwrap();
            }
            16 | 17 => {
                let path = self.dice.one(&[
                    "Include part/*.conf",
                    "Include part/[a-b].conf",
                    "IncludeOptional part/none*.conf",
                    "IncludeOptional part/none.conf",
                    "Include part/a.conf",
                    "Include part/deep",
                    "Include pa*/deep/?.conf",
                    "include ./part/../part/b.conf",
                    "Include \"part/a.conf\"",
                    "IncludeOptional no*/x.conf",
                ]);
                writeln!(into, "{path}").unwrap();
            }
            18 | 19 => {
                let line = self.dice.one(&[
                    "Use Plain",
                    "use pair a \"b c\"",
                    "Use Pair $x 'q\"q'",
                    "Use Outer x",
                    "Use Start one two",
                    "Use Start $a $b",
                    "Use Pair ${one} \"\\\\\"",
                    "Use Section /s",
                ]);
                writeln!(into, "{line}").unwrap();
            }
            20 | 21 if depth == 0 => {
                let open = self.dice.one(&[
                    "<Location /a>",
                    "<location \"/a b\">",
                    "<LocationMatch \"^/a>b\"> junk",
                    "<Directory />",
                ]);
                writeln!(into, "{open}").unwrap();
                for _ in 0..self.dice.roll(4) {
                    self.inside(depth + 1, directory, into);
                }
                let name = open.trim_start_matches('<').split(' ').next().unwrap();
                writeln!(into, "</{name}>{}", self.dice.one(&["", " ", " # junk"])).unwrap();
            }
            _ => self.directive(into),
        }
    }

    /// In a section nothing that may not stand there.
    fn inside(&mut self, depth: usize, _directory: &Path, into: &mut String) {
        if self.dice.chance(70) {
            self.directive(into);
        } else {
            writeln!(into, "<IfModule mod_so.c>").unwrap();
            if self.dice.chance(50) {
                writeln!(into, "Use Plain").unwrap();
            }
            self.directive(into);
            writeln!(into, "</IfModule>").unwrap();
            if depth == 1 && self.dice.chance(20) {
                writeln!(into, "Include part/a.conf").unwrap();
            }
        }
    }
}

fn header(directory: &Path) -> String {
    let mut text = format!("ServerRoot {}\n", directory.display());
    for module in ["mpm_event", "info", "headers", "macro", "authz_core"] {
        writeln!(text, "LoadModule {module}_module {MODULES}/mod_{module}.so").unwrap();
    }
    text.push_str(
        "ServerName x\nErrorLog err\nListen 127.0.0.1:1\nDefine one 1\nDefine two \"2 3\"\n\
         <Macro Plain>\nHeader set M-Plain 1\n# comment\nHeader set M-Two \\\n two\n</Macro>\n\
         <Macro Pair $x @y>\nHeader set M-Pair-$x @y\nHeader set M-$xx ${one}\n</Macro>\n\
         <Macro Start $a $ab>\nHeader set M-$ab-$a $abc\n</Macro>\n\
         <Macro Outer $a>\nUse Pair $a$a $a\nUse Plain\n<IfDefine one>\nHeader set M-Outer $a\n</IfDefine>\n</Macro>\n\
         <Macro Section $path>\n<Location $path>\nHeader set M-S $path\n</Location>\n</Macro>\n",
    );
    text
}

#[test]
fn statements_are_those_of_the_real_server() {
    if program().is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let (seed, factor) = seed_and_factor();
    let mut texts = Texts {
        dice: Dice(0x9e37_79b9_7f4a_7c15 ^ seed),
        count: 0,
    };
    let variables = BTreeMap::from([("FROM_ENVIRONMENT".to_owned(), "outside in".to_owned())]);
    let given = Environment {
        server_root: root.display().to_string(),
        variables: variables.clone(),
        defines: vec!["DUMP_CONFIG".to_owned(), "CONFIG_TEST".to_owned()],
        ..environment()
    };
    std::fs::create_dir_all(root.join("part/deep/below")).unwrap();
    let file = root.join("main.conf");
    let (mut compared, mut refused, mut rounds) = (0, 0, 0);
    while compared < 20_000 * factor {
        rounds += 1;
        for name in [
            "a.conf",
            "b.conf",
            ".hidden.conf",
            "deep/1.conf",
            "deep/below/x.conf~",
            "deep/A.conf",
        ] {
            let mut text = String::new();
            for _ in 0..3 {
                texts.directive(&mut text);
            }
            // httpd counts a line more when a continuation runs into the end of the file.
            text.push_str("# end\n");
            std::fs::write(root.join("part").join(name), text).unwrap();
        }
        let mut text = header(root);
        for _ in 0..60 {
            texts.item(0, root, &mut text);
        }
        text.push_str("# end\n");
        std::fs::write(&file, &text).unwrap();
        let config = apache::read(&file.display().to_string(), &Disk, &given);
        match real(&file, &variables) {
            Err(message) => {
                refused += 1;
                assert!(
                    refused < 50 + rounds / 2,
                    "the server refuses too much: {message}\n{text}"
                );
                // What is wrong with the words of a directive is not the reader's matter.
                let about_words = [
                    "Header",
                    "header",
                    "HEADER",
                    "Unknown parameter",
                    "Too many arguments",
                ]
                .iter()
                .any(|word| message.contains(word));
                assert!(
                    about_words || !config.summary().errors.is_empty(),
                    "refused only by the server: {message}\n{text}"
                );
            }
            Ok(expected) => {
                let found = ours(&config);
                for (index, expected) in expected.iter().enumerate() {
                    let here = found.get(index);
                    if here != Some(expected) {
                        report(&format!(
                            "after {compared} comparisons: {here:?}, httpd {expected:?}\n{text}"
                        ));
                    }
                    assert_eq!(
                        here,
                        Some(expected),
                        "statement {index}, seed {seed}, round {rounds}, after {:#?}:\n{text}",
                        &found[index.saturating_sub(4)..index.min(found.len())]
                    );
                    compared += 1;
                }
                if found.len() != expected.len() {
                    report(&format!(
                        "after {compared} comparisons: more than httpd has\n{text}"
                    ));
                }
                assert_eq!(
                    found.len(),
                    expected.len(),
                    "seed {seed}, round {rounds}:\n{text}"
                );
                // What the server does not notice is told all the same, as a warning.
                let mut errors = config.summary().errors;
                errors.retain(|error| error.level == ProblemLevel::Error);
                assert!(errors.is_empty(), "{errors:?}\n{text}");
            }
        }
    }
    println!("{compared} statements of {rounds} texts compared, {refused} texts refused by the server");
}

#[test]
fn the_configuration_that_debian_ships_is_read_as_the_server_reads_it() {
    let main = Path::new("/etc/apache2/apache2.conf");
    if program().is_none() || !main.exists() {
        return;
    }
    let bytes = std::fs::read("/etc/apache2/envvars").unwrap_or_default();
    let variables = apache::envvars(&bytes);
    let output = Command::new(program().unwrap())
        .args(["-t", "-D", "DUMP_INCLUDES", "-f"])
        .arg(main)
        .envs(&variables)
        .output()
        .unwrap();
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let config = apache::read(
        "/etc/apache2/apache2.conf",
        &Disk,
        &Environment {
            variables: variables.clone(),
            ..environment()
        },
    );
    let summary = config.summary();
    assert!(summary.errors.is_empty(), "{:?}", summary.errors);
    let expected: Vec<&str> = listing
        .lines()
        .filter_map(|line| line.split_whitespace().last().filter(|word| word.starts_with('/')))
        .collect();
    let found: Vec<&str> = summary.files.iter().map(|file| file.path.as_str()).collect();
    if output.status.success() {
        assert_eq!(found, expected);
    }
    // With mod_info beside it, the whole tree.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("main.conf");
    let text = format!(
        "LoadModule info_module {MODULES}/mod_info.so\nErrorLog {}/e\nServerName x\nInclude {}\n",
        directory.path().display(),
        main.display()
    );
    std::fs::write(&file, text).unwrap();
    let config = apache::read(
        &file.display().to_string(),
        &Disk,
        &Environment {
            variables: variables.clone(),
            defines: vec!["DUMP_CONFIG".to_owned(), "CONFIG_TEST".to_owned()],
            ..environment()
        },
    );
    match real(&file, &variables) {
        Ok(expected) => assert_eq!(ours(&config), expected),
        Err(message) => println!("not compared, the server refuses it here: {message}"),
    }
}
