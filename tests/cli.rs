//! The command line as a user types it: help, options, refusals, and what is generated from it.

use std::time::Duration;

use clap_complete::Shell;
use fix502::cli::{self, Action, ColorChoice, OutputFormat};
use fix502::finding::StepId;

fn parse(line: &str) -> Result<cli::Options, String> {
    let words = std::iter::once("fix502").chain(line.split(' ').filter(|word| !word.is_empty()));
    cli::parse(words).map_err(|error| {
        assert_eq!(error.exit_code(), 2, "{error}");
        error.to_string()
    })
}

#[test]
fn no_argument_checks_the_host_with_the_usual_options() {
    let options = parse("").expect("no argument is fine");
    assert_eq!(options.action, Action::Walk);
    assert_eq!(options.address, None);
    assert_eq!(options.format, OutputFormat::Text);
    assert_eq!(options.deadline, Duration::from_secs(30));
    assert_eq!(
        (options.attempts, options.detail, options.color),
        (5, 1, ColorChoice::Auto)
    );
    assert_eq!(options.steps, StepId::ALL);
    assert!(!options.never_prompt);
}

#[test]
fn a_url_and_all_options_are_understood() {
    let options = parse(
        "https://joe:pw@shop.example.com/cart --ci --format json --output r.json --root /mnt --config a.conf \
         --config b.conf --via proxy:3128 --proxy http://one:1 --proxy socks5://two --step dns --step 1 --skip retry \
         --deadline 500ms --attempts 100 --color never --width 40 -vv",
    )
    .expect("all of these exist");
    let address = options.address.expect("a URL was given");
    assert_eq!(
        address.target.url.as_deref(),
        Some("https://shop.example.com/cart")
    );
    assert_eq!(address.target.via.as_deref(), Some("http://proxy:3128"));
    assert!(address.credentials.is_some());
    assert!(options.never_prompt);
    assert_eq!(options.format, OutputFormat::Json);
    assert_eq!(options.configs.len(), 2);
    assert_eq!(options.proxies.len(), 2);
    assert_eq!(options.steps, [StepId::Dns]);
    assert_eq!(options.deadline, Duration::from_millis(500));
    assert_eq!(
        (options.attempts, options.width, options.detail),
        (100, Some(40), 3)
    );
}

#[test]
fn each_step_is_a_command_with_the_same_options() {
    let commands = [
        "retry", "probe", "lint", "firewall", "timeouts", "dns", "proxy", "bundle",
    ];
    for (command, step) in commands.into_iter().zip(StepId::ALL) {
        let options = parse(&format!(
            "{command} shop.example.com --attempts 3 -q --non-interactive"
        ))
        .expect(command);
        assert_eq!(options.action, Action::Step(step));
        assert_eq!(
            (options.attempts, options.detail, options.never_prompt),
            (3, 0, true)
        );
        assert!(options.address.is_some());
    }
}

#[test]
fn options_before_the_command_count_too_and_those_after_it_win() {
    let options =
        parse("--attempts 3 --deadline 5 --format json --proxy a:1 probe x.example --deadline 7 --proxy b:1")
            .expect("both places are fine");
    assert_eq!((options.attempts, options.deadline), (3, Duration::from_secs(7)));
    assert_eq!((options.format, options.proxies.len()), (OutputFormat::Json, 2));
}

#[test]
fn the_other_commands_are_understood() {
    assert_eq!(parse("explain").expect("known").action, Action::Explain(None));
    assert_eq!(
        parse("explain dns").expect("known").action,
        Action::Explain(Some("dns".to_owned()))
    );
    let demo = |fault: Option<&str>, list| Action::Demo {
        fault: fault.map(str::to_owned),
        list,
    };
    assert_eq!(parse("demo --list").expect("known").action, demo(None, true));
    assert_eq!(
        parse("demo refused").expect("known").action,
        demo(Some("refused"), false)
    );
    assert_eq!(
        parse("triage a.tar.gz b").expect("known").action,
        Action::Triage(vec!["a.tar.gz".into(), "b".into()])
    );
    assert_eq!(
        parse("completions fish").expect("known").action,
        Action::Completions(Shell::Fish)
    );
    assert_eq!(parse("man").expect("known").action, Action::Man);
}

#[test]
fn what_cannot_be_meant_is_a_usage_error_with_a_hint() {
    let refusals: Vec<String> = [
        "ftp://shop.example.com/",
        "http://:80/",
        "http://x:99999/",
        "--deadline soon x.example",
        "--step nine x.example",
        "--step dns --skip dns x.example",
        "retyr",
        "http://x.example/ probe y.example",
        "http://x.example/ explain dns",
        "--format json man",
        "--via ftp://x y.example",
        "--attempts 0 x.example",
        "--format xml x.example",
        "-q -v x.example",
        "triage",
        "--fail-on error",
    ]
    .into_iter()
    .map(|line| format!("$ fix502 {line}\n{}", parse(line).expect_err(line)))
    .collect();
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn a_blank_in_a_url_is_refused_and_shown_harmless() {
    let error = cli::parse(["fix502", "ht tp://x"]).expect_err("no URL");
    assert_eq!(error.exit_code(), 2);
    let error = cli::parse(["fix502", "http://\u{1b}[2J:x@a"])
        .expect_err("no URL")
        .to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn a_password_on_the_command_line_is_not_repeated() {
    for line in [
        "http://joe:s3cret@shop.example.com:0/",
        "ftp://joe:s3cret@x",
        "--proxy ftp://joe:s3cret@x y.example",
        "joe:s3cret@",
    ] {
        assert!(!parse(line).expect_err(line).contains("s3cret"), "{line}");
    }
    let options = parse("http://joe:s3cret@shop.example.com/ --via joe:s3cret@p:1").expect("fine");
    assert!(!format!("{options:?}").contains("s3cret"));
}

#[test]
fn the_long_help_of_every_command() {
    let mut command = cli::command().term_width(100);
    command.build();
    insta::assert_snapshot!("help", command.render_long_help().to_string());
    let names: Vec<String> = command
        .get_subcommands()
        .map(|word| word.get_name().to_owned())
        .collect();
    for name in names {
        let word = command.find_subcommand_mut(&name).expect("its name was just read");
        let help = word.render_long_help().to_string();
        insta::assert_snapshot!(format!("help-{name}"), help);
    }
}

fn committed(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a committed file with what is generated; with `FIX502_REWRITE=1` in the environment writes it.
#[expect(
    clippy::disallowed_methods,
    reason = "a test may touch the files of the repository"
)]
fn same_as_committed(path: &str, generated: &[u8]) {
    let file = committed(path);
    if std::env::var_os("FIX502_REWRITE").is_some() {
        std::fs::create_dir_all(file.parent().expect("a file stands in a directory")).expect("a directory");
        std::fs::write(&file, generated).expect("the file can be written");
    }
    let found = std::fs::read(&file).unwrap_or_default();
    assert!(
        found == generated,
        "{path} is old: run FIX502_REWRITE=1 cargo test generated"
    );
}

#[test]
fn the_generated_completions_are_committed() {
    let files = [
        (Shell::Bash, "completions/fix502.bash"),
        (Shell::Elvish, "completions/fix502.elv"),
        (Shell::Fish, "completions/fix502.fish"),
        (Shell::PowerShell, "completions/_fix502.ps1"),
        (Shell::Zsh, "completions/_fix502"),
    ];
    for (shell, path) in files {
        let mut text = Vec::new();
        cli::completions(shell, &mut text).expect("a vector takes everything");
        same_as_committed(path, &text);
    }
}

#[test]
fn a_shell_offers_the_pages_and_the_steps() {
    let mut text = Vec::new();
    cli::completions(Shell::Bash, &mut text).expect("a vector takes everything");
    let text = String::from_utf8(text).expect("completions are text");
    assert!(
        text.contains("upstream-oom-killed") && text.contains("firewall"),
        "{text}"
    );
    assert!(
        cli::parse(["fix502", "explain", "no-such-page"]).is_ok(),
        "the page decides, not clap"
    );
}

#[test]
fn the_generated_manual_page_is_committed() {
    let mut page = Vec::new();
    cli::man(&mut page).expect("a vector takes everything");
    same_as_committed("docs/man/fix502.1", &page);
}
