//! Random rulesets in a network namespace of the test's own: what a real connection meets, against what
//! `system::firewall` says. `FIX502_FIREWALL_CASES` sets how many rulesets (200), `FIX502_FIREWALL_SEED` which. Most of the time is spent
//! on waiting for answers that do not come, so several namespaces work side by side.

mod rulesets;

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use fix502::evidence::{Direction, Fate, Packet};
use fix502::system::firewall::{RulesetBytes, Rulesets, parse};
use serde_json::{Value, json};

use self::rulesets::{Dice, rules};

const PORTS: [u16; 4] = [8001, 8002, 8003, 8004];
/// Namespaces that work at the same time.
const SIDE_BY_SIDE: usize = 8;

/// The process inside the namespace.
struct Namespace {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Namespace {
    /// `None` where this test may not make one.
    fn make() -> Option<Self> {
        let allowed = Command::new("unshare")
            .args([
                "-n",
                "sh",
                "-c",
                "command -v nft && command -v iptables-nft && command -v python3 && nft list ruleset",
            ])
            .output()
            .is_ok_and(|output| output.status.success());
        if !allowed {
            return None;
        }
        let mut child = Command::new("unshare")
            .args([
                "-n",
                "python3",
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/firewall_packets/child.py"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let requests = child.stdin.take()?;
        let answers = BufReader::new(child.stdout.take()?);
        Some(Self {
            child,
            requests,
            answers,
        })
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.requests, "{request}").expect("the namespace listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the namespace answers");
        serde_json::from_str(&line).expect("an answer")
    }

    fn rulesets(&mut self, reset: bool, commands: &[Vec<String>]) -> (Rulesets, Value) {
        let answer = self.ask(&json!({"reset": reset, "commands": commands, "dump": true}));
        let bytes = |key: &str| answer[key].as_str().map(str::as_bytes);
        let rulesets = parse(&RulesetBytes {
            nft_json: bytes("nft"),
            iptables_save: bytes("v4"),
            ip6tables_save: bytes("v6"),
            iptables_legacy_save: bytes("legacy4"),
            ip6tables_legacy_save: bytes("legacy6"),
            ufw_status: None,
            firewalld_state: None,
        });
        (rulesets, answer)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Words of a command; nft reads its own, so that `-10` is no option.
fn argv(line: &str) -> Vec<String> {
    if let Some(rest) = line.strip_prefix("nft ") {
        return vec!["nft".to_owned(), rest.to_owned()];
    }
    line.split_whitespace().map(str::to_owned).collect()
}

/// What a client sees, or that it cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Result(String),
    CannotTell,
}

struct Connection {
    source: IpAddr,
    source_port: u16,
    destination: IpAddr,
    port: u16,
    uid: u32,
    gid: u32,
}

impl Connection {
    fn packet(&self, direction: Direction, answer: bool, state: &str, protocol: &str) -> Packet {
        let interface = Some("lo".to_owned());
        let output = direction == Direction::Output;
        let (source, destination) = if answer {
            (self.destination, self.source)
        } else {
            (self.source, self.destination)
        };
        let (source_port, destination_port) = if answer {
            (self.port, self.source_port)
        } else {
            (self.source_port, self.port)
        };
        Packet {
            direction,
            protocol: protocol.to_owned(),
            source: Some(source),
            source_port: Some(source_port),
            destination,
            destination_port,
            out_interface: interface.clone().filter(|_| output),
            in_interface: interface.filter(|_| !output),
            uid: output.then_some(if answer { 0 } else { self.uid }),
            gid: output.then_some(if answer { 0 } else { self.gid }),
            flags: None,
            state: state.to_owned(),
        }
    }

    /// The four packets a client waits for.
    fn packets(&self) -> [Packet; 4] {
        [
            self.packet(Direction::Output, false, "new", "tcp"),
            self.packet(Direction::Input, false, "new", "tcp"),
            self.packet(Direction::Output, true, "established", "tcp"),
            self.packet(Direction::Input, true, "established", "tcp"),
        ]
    }

    /// Whether a client may see `result` where `expected` is foretold. Its own acknowledgement comes after the
    /// answer it waits for, yet a rule that rejects it may reach the socket before the client looks.
    fn agrees(&self, rulesets: &Rulesets, expected: &str, result: &str) -> bool {
        let acknowledged = [Direction::Output, Direction::Input].into_iter().all(|direction| {
            let acknowledgement = Packet {
                flags: Some(0x10),
                ..self.packet(direction, false, "established", "tcp")
            };
            rulesets.judge(&acknowledgement).fate == Fate::Accepted
        });
        result == expected || (expected == "connected" && !acknowledged && result != "timeout")
    }

    fn expected(&self, rulesets: &Rulesets) -> Seen {
        let timeout = Seen::Result("timeout".to_owned());
        for (index, packet) in self.packets().iter().enumerate() {
            let answer = rulesets.judge(packet);
            match answer.fate {
                Fate::Accepted => {}
                Fate::CannotTell(_) => return Seen::CannotTell,
                Fate::Dropped => return timeout,
                // The answer's sender is told, the client is not.
                Fate::Rejected(_) if index > 1 => return timeout,
                Fate::Rejected(how) => {
                    let protocol = if how == "tcp-reset" { "tcp" } else { "icmp" };
                    // Where a chain of nft refuses before the flow is tracked, the refusal belongs to no flow.
                    let native = answer.rule.is_some_and(|rule| rule.backend == "nft");
                    let states: &[&str] = if native {
                        &["related", "invalid"]
                    } else {
                        &["related"]
                    };
                    let mut reaches = Vec::new();
                    for state in states {
                        let fates = [Direction::Output, Direction::Input].map(|direction| {
                            let refusal = Packet {
                                flags: Some(0x14),
                                ..self.packet(direction, true, state, protocol)
                            };
                            rulesets.judge(&refusal).fate
                        });
                        if matches!(fates[0], Fate::Dropped | Fate::Rejected(_)) {
                            reaches.push(false);
                        } else if fates.iter().any(|fate| matches!(fate, Fate::CannotTell(_))) {
                            return Seen::CannotTell;
                        } else {
                            reaches.push(fates[1] == Fate::Accepted);
                        }
                    }
                    match (reaches.contains(&true), reaches.contains(&false)) {
                        (true, true) => return Seen::CannotTell,
                        (false, _) => return timeout,
                        (true, false) => {}
                    }
                    let words = match how.as_str() {
                        "tcp-reset" | "icmp-port-unreachable" | "icmp6-port-unreachable" => {
                            "Connection refused"
                        }
                        "icmp6-adm-prohibited" => "Permission denied",
                        "icmp-net-unreachable" | "icmp-net-prohibited" | "icmp6-no-route" => {
                            "Network is unreachable"
                        }
                        "icmp-proto-unreachable" => "Protocol not available",
                        _ => "No route to host",
                    };
                    return Seen::Result(words.to_owned());
                }
            }
        }
        Seen::Result("connected".to_owned())
    }

    fn make(&self, namespace: &mut Namespace, timeout_ms: u32) -> String {
        let connect = json!({
            "source": self.source, "source_port": self.source_port,
            "destination": self.destination, "port": self.port, "uid": self.uid, "gid": self.gid,
        });
        let answer = namespace.ask(&json!({"connect": connect, "timeout_ms": timeout_ms}));
        answer["result"].as_str().expect("a result").to_owned()
    }
}

/// Follows the advice packet by packet until all is let through; then a connection must succeed, and taking it
/// back must leave the rules as they were. Returns how many commands it took, `None` when undecided.
fn follow_the_advice(namespace: &mut Namespace, connection: &Connection, case: usize) -> Option<usize> {
    let (before, _) = namespace.rulesets(false, &[]);
    let mut rulesets = before.clone();
    let mut undo = Vec::new();
    while let Some(answer) = connection
        .packets()
        .iter()
        .map(|packet| rulesets.judge(packet))
        .find(|answer| answer.fate != Fate::Accepted)
    {
        let rule = answer.rule.expect("what blocks has a rule");
        if matches!(answer.fate, Fate::CannotTell(_)) {
            break;
        }
        assert!(undo.len() < 12, "case {case}: no end of exceptions: {rule:?}");
        let (after, raw) = namespace.rulesets(false, std::slice::from_ref(&rule.allow));
        assert_eq!(raw["failed"], json!([false]), "case {case}: {:?}", rule.allow);
        undo.push(rule.undo);
        rulesets = after;
    }
    let decided = connection.expected(&rulesets) != Seen::CannotTell;
    if decided {
        let result = connection.make(namespace, 1500);
        assert!(
            connection.agrees(&rulesets, "connected", &result),
            "case {case}: {result} after {undo:?}"
        );
    }
    undo.reverse();
    let (after, raw) = namespace.rulesets(false, &undo);
    assert!(
        !raw["failed"].to_string().contains("true"),
        "case {case}: {undo:?}"
    );
    assert_eq!(after.rule_count(), before.rule_count(), "case {case}: {undo:?}");
    decided.then_some(undo.len())
}

/// What was counted.
#[derive(Default)]
struct Counts {
    loaded: usize,
    refused: usize,
    asked: usize,
    undecided: usize,
    advised: usize,
    seen: std::collections::BTreeMap<String, usize>,
    mismatches: Vec<String>,
}

impl Counts {
    fn add(mut self, other: Self) -> Self {
        self.loaded += other.loaded;
        self.refused += other.refused;
        self.asked += other.asked;
        self.undecided += other.undecided;
        self.advised += other.advised;
        for (result, count) in other.seen {
            *self.seen.entry(result).or_default() += count;
        }
        self.mismatches.extend(other.mismatches);
        self
    }
}

/// Loads the rules of one case and connects three times.
fn one_case(
    namespace: &mut Namespace,
    dice: &mut Dice,
    case: usize,
    source_port: &mut u16,
    counts: &mut Counts,
) {
    let lines = rules(dice, case);
    let six_only = case % 6 == 4;
    let commands: Vec<Vec<String>> = lines.iter().map(|line| argv(line)).collect();
    let (rulesets, raw) = namespace.rulesets(true, &commands);
    counts.loaded += rulesets.rule_count();
    counts.refused += raw["failed"]
        .as_array()
        .map_or(0, |all| all.iter().filter(|one| **one == json!(true)).count());
    for attempt in 0..3 {
        *source_port = if *source_port > 60_000 {
            20_000
        } else {
            *source_port + 1
        };
        let six = six_only || dice.chance(25);
        let (source, destination) = match (six, dice.roll(3)) {
            (true, _) => ("::1", "::1"),
            (_, 0) => ("127.0.0.2", "127.0.0.1"),
            (_, 1) => ("127.0.0.1", "127.0.0.2"),
            _ => ("127.0.0.1", "127.0.0.1"),
        };
        let connection = Connection {
            source: source.parse().expect("an address"),
            source_port: *source_port,
            destination: destination.parse().expect("an address"),
            port: PORTS[dice.roll(4)],
            uid: if dice.chance(50) { 33 } else { 0 },
            gid: if dice.chance(50) { 33 } else { 0 },
        };
        counts.asked += 1;
        let Seen::Result(expected) = connection.expected(&rulesets) else {
            counts.undecided += 1;
            continue;
        };
        // An ICMP answer to the first SYN over the loopback finds the socket busy; the second counts.
        let patience = if expected == "timeout" { 110 } else { 1500 };
        let result = connection.make(namespace, patience);
        *counts.seen.entry(result.clone()).or_default() += 1;
        if !connection.agrees(&rulesets, &expected, &result) {
            let judged: Vec<_> = connection
                .packets()
                .iter()
                .map(|packet| rulesets.judge(packet))
                .collect();
            let dumps: Vec<_> = ["v4", "v6", "legacy4", "legacy6", "nft"]
                .iter()
                .filter_map(|key| raw[key].as_str())
                .collect();
            counts.mismatches.push(format!(
                "case {case}: expected {expected}, got {result}\n{}\n{judged:#?}\n{}",
                lines.join("\n"),
                dumps.join("\n")
            ));
        } else if attempt == 0 && expected != "connected" {
            *source_port += 1;
            let again = Connection {
                source_port: *source_port,
                ..connection
            };
            counts.advised += usize::from(follow_the_advice(namespace, &again, case).is_some());
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the counts are what this test is run for")]
fn real_connections_meet_the_fate_that_the_rules_foretell() {
    let number = |name: &str, usual: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    };
    let cases = usize::try_from(number("FIX502_FIREWALL_CASES", 200)).expect("small");
    let seed = number("FIX502_FIREWALL_SEED", 0x0005_0200_0000_0001).max(1);
    let namespaces: Vec<Namespace> = (0..SIDE_BY_SIDE).map_while(|_| Namespace::make()).collect();
    if namespaces.len() < SIDE_BY_SIDE {
        println!("skipped: needs root, unshare, nft, iptables-nft and python3");
        return;
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let counts = std::thread::scope(|scope| {
        let threads: Vec<_> = namespaces
            .into_iter()
            .map(|mut namespace| {
                let next = &next;
                scope.spawn(move || {
                    let (mut counts, mut source_port) = (Counts::default(), 20_000_u16);
                    loop {
                        let case = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if case >= cases {
                            return counts;
                        }
                        let mut dice = Dice::of(seed, case);
                        one_case(&mut namespace, &mut dice, case, &mut source_port, &mut counts);
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no case panics"))
            .fold(Counts::default(), Counts::add)
    });
    let Counts {
        loaded,
        refused,
        asked,
        undecided,
        advised,
        seen,
        mismatches,
    } = counts;
    let share = undecided * 1000 / asked.max(1);
    println!(
        "{cases} rulesets of {loaded} rules ({refused} commands refused), {asked} connections: {seen:?}, {undecided} undecided ({}.{} %), {advised} let through by advice, {} mismatches",
        share / 10,
        share % 10,
        mismatches.len()
    );
    assert!(
        mismatches.is_empty(),
        "{} mismatches:\n{}",
        mismatches.len(),
        mismatches.join("\n\n")
    );
    assert!(undecided * 5 < asked, "{undecided} of {asked} undecided");
}
