//! Random rulesets in a network namespace of the test's own: what a real connection meets, against what
//! `system::firewall` says. `FIX502_FIREWALL_CASES` sets how many rulesets (60), `FIX502_FIREWALL_SEED` which.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use fix502::evidence::{Direction, Fate, Packet};
use fix502::system::firewall::{RulesetBytes, Rulesets, parse};
use serde_json::{Value, json};

const PORTS: [u16; 4] = [8001, 8002, 8003, 8004];

/// xorshift64*: the same rulesets for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides as u64).expect("small")
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

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

fn iptables_rules(dice: &mut Dice, command: &str, six: bool) -> Vec<String> {
    let mut lines = vec![format!("{command} -N one"), format!("{command} -N two")];
    for chain in ["INPUT", "OUTPUT"] {
        if dice.chance(12) {
            lines.push(format!("{command} -P {chain} DROP"));
        }
    }
    for _ in 0..(3 + dice.roll(9)) {
        let table = if dice.chance(85) {
            "filter"
        } else {
            dice.pick(&["mangle", "raw"])
        };
        let chain = match table {
            "filter" => dice.pick(&["INPUT", "OUTPUT", "INPUT", "OUTPUT", "one", "two"]),
            "mangle" => dice.pick(&["INPUT", "OUTPUT", "PREROUTING", "POSTROUTING"]),
            _ => dice.pick(&["OUTPUT", "PREROUTING"]),
        };
        let mut rule = format!("{command} -t {table} -A {chain}");
        let addresses: &[&str] = if six {
            &["::1", "::/0", "fd00::/8", "::1/127"]
        } else {
            &[
                "127.0.0.1",
                "127.0.0.2",
                "127.0.0.0/8",
                "10.0.0.0/8",
                "127.0.0.2/31",
            ]
        };
        if dice.chance(25) {
            rule += [" -s ", " -s ", " ! -s "][dice.roll(3)];
            rule += dice.pick(addresses);
        }
        if dice.chance(25) {
            rule += [" -d ", " -d ", " ! -d "][dice.roll(3)];
            rule += dice.pick(addresses);
        }
        if dice.chance(70) {
            rule += match dice.roll(9) {
                0 => " -p tcp --syn",
                1 => " -p tcp ! --syn",
                2 => " -p tcp -m multiport --dports 8001,8003:8004",
                3 => " -p tcp -m multiport --sports 8001:8002,80",
                4 => " -p tcp --sport 1024:65535 --dport 8002",
                5 => " -p tcp ! --dport 8001",
                6 => " -p tcp --tcp-flags SYN,ACK,RST SYN,ACK",
                7 => " -p udp --dport 8001",
                _ => " -p tcp --dport 8001:8003",
            };
        }
        if dice.chance(20) && chain != "OUTPUT" && chain != "POSTROUTING" {
            rule += dice.pick(&[" -i lo", " ! -i lo", " -i eth+", " -i l+"]);
        }
        if dice.chance(20) && !matches!(chain, "INPUT" | "PREROUTING" | "one" | "two") {
            rule += dice.pick(&[" -o lo", " ! -o lo", " -o eth+", " -o +"]);
        }
        if dice.chance(30) {
            rule += dice.pick(&[
                " -m conntrack --ctstate NEW",
                " -m conntrack --ctstate RELATED,ESTABLISHED",
                " -m state --state ESTABLISHED",
                " -m conntrack ! --ctstate NEW",
                " -m conntrack --ctstate INVALID",
            ]);
        }
        if dice.chance(15) && chain == "OUTPUT" {
            rule += dice.pick(&[
                " -m owner --uid-owner 33",
                " -m owner ! --uid-owner 33",
                " -m owner --uid-owner 0-40",
            ]);
        }
        if dice.chance(10) {
            rule += dice.pick(&[
                " -m addrtype --dst-type LOCAL",
                " -m addrtype ! --dst-type LOCAL",
                " -m addrtype --dst-type MULTICAST",
                " -m comment --comment x",
                " -m mark --mark 0x4/0x4",
                " -m mark ! --mark 0x4/0x4",
            ]);
        }
        if dice.chance(4) {
            rule += dice.pick(&[" -m limit --limit 1/hour", " -m statistic --mode nth --every 2"]);
        }
        let unreachable = if six {
            "icmp6-port-unreachable"
        } else {
            "icmp-host-prohibited"
        };
        let target = match (table, dice.roll(13)) {
            ("filter", 0..=2) if rule.contains("-p tcp") => "-j REJECT --reject-with tcp-reset".to_owned(),
            ("filter", 3) => format!("-j REJECT --reject-with {unreachable}"),
            ("filter", 4) => format!("-g {}", if chain == "one" { "two" } else { "one" }),
            ("filter", 5 | 6) if chain != "two" => {
                format!("-j {}", if chain == "one" { "two" } else { "one" })
            }
            ("raw", 0 | 1) => "-j CT --notrack".to_owned(),
            ("mangle", 0 | 1) => "-j MARK --set-mark 4".to_owned(),
            (_, 7 | 8) => "-j DROP".to_owned(),
            (_, 9 | 10) => "-j RETURN".to_owned(),
            _ => "-j ACCEPT".to_owned(),
        };
        lines.push(format!("{rule} {target}"));
    }
    lines
}

fn nft_rules(dice: &mut Dice, table: &str) -> Vec<String> {
    let family = dice.pick(&["inet", "inet", "ip", "ip6"]);
    let at = format!("{family} {table}");
    let mut lines = vec![
        format!("nft add table {at}"),
        format!("nft add chain {at} one"),
        format!("nft add chain {at} two"),
        format!(
            "nft add set {at} ports {{ type inet_service ; flags interval ; elements = {{ 8001, 8003-8004 }} ; }}"
        ),
        format!(
            "nft add map {at} verdicts {{ type inet_service : verdict ; elements = {{ 8001 : jump two, 8002 : drop, 8004 : accept }} ; }}"
        ),
        format!(
            "nft add set {at} hosts {{ type ipv4_addr ; flags interval ; elements = {{ 127.0.0.2, 10.0.0.0/8 }} ; }}"
        ),
        format!(
            "nft add set {at} pairs {{ type ipv4_addr . inet_service ; elements = {{ 127.0.0.1 . 8002, 127.0.0.2 . 8001 }} ; }}"
        ),
    ];
    let mut names = vec!["one".to_owned(), "one".to_owned(), "two".to_owned()];
    for (index, hook) in ["input", "output"].into_iter().enumerate() {
        for number in 0..=dice.roll(2) {
            let priority = dice.pick(&["0", "0", "-10", "10", "-300", "-150"]);
            let policy = if dice.chance(12) { "drop" } else { "accept" };
            let name = format!("{}{number}", ["in", "out"][index]);
            let hook = if dice.chance(12) {
                ["prerouting", "postrouting"][index]
            } else {
                hook
            };
            lines.push(format!("nft add chain {at} {name} {{ type filter hook {hook} priority {priority} ; policy {policy} ; }}"));
            names.extend([name.clone(), name.clone(), name]);
        }
    }
    for _ in 0..(3 + dice.roll(10)) {
        let chain = names[dice.roll(names.len())].clone();
        let mut rule = format!("nft add rule {at} {chain}");
        let outgoing = chain.starts_with("out");
        for _ in 0..dice.roll(4) {
            rule += match dice.roll(24) {
                0 => " ip saddr 127.0.0.0/8",
                1 => " ip daddr @hosts",
                2 => " ip daddr != 127.0.0.2",
                3 => " ip6 daddr ::1",
                4 => " ip6 saddr fd00::/8",
                5 => " tcp dport { 8001, 8003 }",
                6 => " tcp dport @ports",
                7 => " tcp dport != 8002",
                8 => " tcp dport 8002-8004",
                9 => " tcp sport 8001",
                10 => " meta l4proto tcp",
                11 => " meta nfproto ipv6",
                12 => " ct state new",
                13 => " ct state established,related",
                14 => " ct state != established",
                15 if outgoing => " oifname lo",
                16 if outgoing => " oif != lo",
                17 if outgoing => " meta skuid 33",
                18 if outgoing => " meta skuid != 33",
                15 => " iifname lo",
                16 => " iifname eth*",
                17 => " iif lo",
                18 => " fib daddr type local",
                19 => " ip daddr . tcp dport @pairs",
                20 => " tcp flags syn / syn,ack",
                21 => " tcp dport >= 8003",
                22 => " ip protocol tcp",
                _ => " ip saddr { 127.0.0.1, 10.0.0.1-10.0.0.9 }",
            };
        }
        if dice.chance(4) {
            rule += dice.pick(&[" limit rate 1/hour", " meta mark 4"]);
        }
        if dice.chance(20) {
            rule += dice.pick(&[" counter", " log"]);
        }
        rule += match dice.roll(15) {
            3 => " drop",
            // With this nft 1.0.6 does not print `meta nfproto`, so nobody could foretell.
            4..=6 if !rule.contains("nfproto") => " reject with tcp reset",
            7 => " reject with icmpx admin-prohibited",
            8 => " reject",
            9 => " return",
            10 if chain != "two" && chain != "one" => " goto one",
            11 if chain != "two" => " jump two",
            12 if chain != "two" => " tcp dport vmap @verdicts",
            13 => " tcp dport vmap { 8001 : accept, 8002-8003 : drop }",
            _ => " accept",
        };
        lines.push(rule);
    }
    lines
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
            rulesets
                .judge(&self.packet(direction, false, "established", "tcp"))
                .fate
                == Fate::Accepted
        });
        result == expected || (expected == "connected" && !acknowledged && result != "timeout")
    }

    fn expected(&self, rulesets: &Rulesets) -> Seen {
        let timeout = Seen::Result("timeout".to_owned());
        for (index, packet) in self.packets().iter().enumerate() {
            match rulesets.judge(packet).fate {
                Fate::Accepted => {}
                Fate::CannotTell(_) => return Seen::CannotTell,
                Fate::Dropped => return timeout,
                // The answer's sender is told, the client is not.
                Fate::Rejected(_) if index > 1 => return timeout,
                Fate::Rejected(how) => {
                    let protocol = if how == "tcp-reset" { "tcp" } else { "icmp" };
                    for direction in [Direction::Output, Direction::Input] {
                        match rulesets
                            .judge(&self.packet(direction, true, "related", protocol))
                            .fate
                        {
                            Fate::Accepted => {}
                            Fate::CannotTell(_) => return Seen::CannotTell,
                            Fate::Dropped | Fate::Rejected(_) => return timeout,
                        }
                    }
                    let words = match how.as_str() {
                        "tcp-reset" | "icmp-port-unreachable" | "icmp6-port-unreachable" => {
                            "Connection refused"
                        }
                        "icmp6-adm-prohibited" => "Permission denied",
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
            "destination": self.destination, "port": self.port, "uid": self.uid,
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

#[test]
#[expect(clippy::print_stdout, reason = "the counts are what this test is run for")]
fn real_connections_meet_the_fate_that_the_rules_foretell() {
    let Some(mut namespace) = Namespace::make() else {
        println!("skipped: needs root, unshare, nft, iptables-nft and python3");
        return;
    };
    let number = |name: &str, usual: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    };
    let cases = usize::try_from(number("FIX502_FIREWALL_CASES", 60)).expect("small");
    let mut dice = Dice(number("FIX502_FIREWALL_SEED", 0x0005_0200_0000_0001).max(1));
    let mut source_port = 20_000_u16;
    let (mut asked, mut undecided, mut advised) = (0_usize, 0_usize, 0_usize);
    let (mut loaded, mut refused) = (0_usize, 0_usize);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let mut mismatches = Vec::new();
    for case in 0..cases {
        let lines = match case % 5 {
            0 => iptables_rules(&mut dice, "iptables-nft", false),
            1 => iptables_rules(&mut dice, "iptables-legacy", false),
            2 | 3 => nft_rules(&mut dice, "t"),
            _ => {
                let command = dice.pick(&[
                    "ip6tables-nft",
                    "iptables-nft",
                    "ip6tables-legacy",
                    "iptables-legacy",
                ]);
                let mut lines = iptables_rules(&mut dice, command, command.starts_with("ip6"));
                lines.extend(nft_rules(&mut dice, "u"));
                lines
            }
        };
        let commands: Vec<Vec<String>> = lines.iter().map(|line| argv(line)).collect();
        let (rulesets, raw) = namespace.rulesets(true, &commands);
        loaded += rulesets.rule_count();
        refused += raw["failed"]
            .as_array()
            .map_or(0, |all| all.iter().filter(|one| **one == json!(true)).count());
        for attempt in 0..3 {
            source_port = if source_port > 60_000 {
                20_000
            } else {
                source_port + 1
            };
            let six = dice.chance(25);
            let (source, destination) = match (six, dice.roll(3)) {
                (true, _) => ("::1", "::1"),
                (_, 0) => ("127.0.0.2", "127.0.0.1"),
                (_, 1) => ("127.0.0.1", "127.0.0.2"),
                _ => ("127.0.0.1", "127.0.0.1"),
            };
            let connection = Connection {
                source: source.parse().expect("an address"),
                source_port,
                destination: destination.parse().expect("an address"),
                port: PORTS[dice.roll(4)],
                uid: if dice.chance(50) { 33 } else { 0 },
            };
            asked += 1;
            match connection.expected(&rulesets) {
                Seen::CannotTell => undecided += 1,
                Seen::Result(expected) => {
                    // An ICMP answer to the first SYN over the loopback finds the socket busy; the second counts.
                    let patience = if expected == "timeout" { 110 } else { 1500 };
                    let result = connection.make(&mut namespace, patience);
                    *seen.entry(result.clone()).or_default() += 1;
                    if !connection.agrees(&rulesets, &expected, &result) {
                        let rules: Vec<_> = connection
                            .packets()
                            .iter()
                            .map(|packet| rulesets.judge(packet))
                            .collect();
                        let dumps: Vec<_> = ["v4", "v6", "legacy4", "legacy6", "nft"]
                            .iter()
                            .filter_map(|key| raw[key].as_str())
                            .collect();
                        mismatches.push(format!(
                            "case {case}: expected {expected}, got {result}\n{}\n{rules:#?}\n{}",
                            lines.join("\n"),
                            dumps.join("\n")
                        ));
                    } else if attempt == 0 && expected != "connected" {
                        source_port += 1;
                        let again = Connection {
                            source_port,
                            ..connection
                        };
                        advised += usize::from(follow_the_advice(&mut namespace, &again, case).is_some());
                    }
                }
            }
        }
    }
    println!(
        "{cases} rulesets of {loaded} rules ({refused} commands refused), {asked} connections: {seen:?}, {undecided} undecided, {advised} let through by advice"
    );
    assert!(
        mismatches.is_empty(),
        "{} mismatches:\n{}",
        mismatches.len(),
        mismatches.join("\n\n")
    );
    assert!(undecided * 5 < asked, "{undecided} of {asked} undecided");
}
