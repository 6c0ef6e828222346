use super::*;
use crate::evidence::Direction;

const UFW: &[u8] = include_bytes!("../../../tests/fixtures/firewall/ufw-deny-outgoing.iptables-save");
const UFW6: &[u8] = include_bytes!("../../../tests/fixtures/firewall/ufw-deny-outgoing.ip6tables-save");

fn packet(direction: Direction, source: &str, destination: &str, port: u16) -> Packet {
    let (out_interface, in_interface) = match direction {
        Direction::Output => (Some("eth0".to_owned()), None),
        Direction::Input => (None, Some("eth0".to_owned())),
        Direction::Forward => (Some("eth1".to_owned()), Some("eth0".to_owned())),
    };
    Packet {
        direction,
        protocol: "tcp".to_owned(),
        source: source.parse().ok(),
        source_port: None,
        destination: destination.parse().expect("an address"),
        destination_port: port,
        out_interface,
        in_interface,
        uid: Some(33),
        gid: None,
        flags: None,
        state: "new".to_owned(),
    }
}

fn iptables(rules: &str) -> Rulesets {
    parse(&RulesetBytes {
        iptables_save: Some(rules.as_bytes()),
        ..RulesetBytes::default()
    })
}

fn ufw() -> Rulesets {
    parse(&RulesetBytes {
        iptables_save: Some(UFW),
        ip6tables_save: Some(UFW6),
        ufw_status: Some(b"Status: active\nLogging: on (low)\n"),
        ..RulesetBytes::default()
    })
}

#[test]
fn ufw_with_outgoing_denied_drops_by_policy_and_ufw_allows() {
    let answer = ufw().judge(&packet(Direction::Output, "", "10.1.2.3", 9000));
    assert_eq!(answer.fate, Fate::Dropped);
    let rule = answer.rule.expect("a rule");
    assert_eq!(
        (rule.chain.as_str(), rule.text.as_str()),
        ("OUTPUT", "policy drop")
    );
    assert_eq!(
        rule.allow.join(" "),
        "ufw allow out proto tcp to 10.1.2.3 port 9000"
    );
    assert_eq!(
        rule.undo.join(" "),
        "ufw delete allow out proto tcp to 10.1.2.3 port 9000"
    );
    assert_eq!(ufw().managed_by().as_deref(), Some("ufw"));
}

#[test]
fn ufw_lets_the_loopback_and_its_own_allowed_source_through() {
    let mut own = packet(Direction::Output, "", "127.0.0.1", 9000);
    own.out_interface = Some("lo".to_owned());
    assert_eq!(ufw().judge(&own).fate, Fate::Accepted);
    assert_eq!(
        ufw()
            .judge(&packet(Direction::Input, "10.9.0.7", "10.0.0.1", 443))
            .fate,
        Fate::Accepted
    );
    assert_eq!(
        ufw()
            .judge(&packet(Direction::Input, "10.8.0.7", "10.0.0.1", 443))
            .fate,
        Fate::Dropped
    );
    assert_eq!(
        ufw().judge(&packet(Direction::Output, "", "fd00::1", 443)).fate,
        Fate::Dropped
    );
}

#[test]
fn a_rate_limit_that_could_let_the_packet_through_is_undecided() {
    let rules = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m limit --limit 3/min -j ACCEPT\nCOMMIT\n";
    let answer = iptables(rules).judge(&packet(Direction::Input, "10.0.0.2", "10.0.0.1", 80));
    let Fate::CannotTell(words) = answer.fate else {
        panic!("{:?}", answer.fate)
    };
    assert!(words.contains("rate limited"), "{words}");
    let logged = rules.replace("ACCEPT", "LOG").replace("INPUT DROP", "INPUT ACCEPT");
    assert_eq!(
        iptables(&logged)
            .judge(&packet(Direction::Input, "10.0.0.2", "10.0.0.1", 80))
            .fate,
        Fate::Accepted
    );
}

#[test]
fn a_reject_is_answered_right_before_its_position() {
    let rules = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -m multiport --dports 80,8000:8100 -j REJECT --reject-with tcp-reset\nCOMMIT\n";
    let answer = iptables(rules).judge(&packet(Direction::Input, "10.0.0.2", "10.0.0.1", 8080));
    assert_eq!(answer.fate, Fate::Rejected("tcp-reset".to_owned()));
    let rule = answer.rule.expect("a rule");
    assert_eq!(rule.position, Some(2));
    assert_eq!(
        rule.allow.join(" "),
        "iptables -t filter -I INPUT 2 -p tcp -s 10.0.0.2 -d 10.0.0.1 --dport 8080 -j ACCEPT"
    );
}

const FIREWALLD: &[u8] = include_bytes!("../../../tests/fixtures/firewall/firewalld-public.nft.json");
const MANY: &[u8] = include_bytes!("../../../tests/fixtures/firewall/many-expressions.nft.json");
const TWICE_NFT: &[u8] = include_bytes!("../../../tests/fixtures/firewall/iptables-nft.nft.json");
const TWICE_SAVE: &[u8] = include_bytes!("../../../tests/fixtures/firewall/iptables-nft.iptables-save");

fn nft(json: &[u8]) -> Rulesets {
    parse(&RulesetBytes {
        nft_json: Some(json),
        ..RulesetBytes::default()
    })
}

/// An inet table with one base chain of `statements`, each the `expr` of a rule.
fn chain(hook: &str, policy: &str, statements: &[&str]) -> Rulesets {
    let rules: Vec<String> = statements
        .iter()
        .enumerate()
        .map(|(index, expr)| {
            format!(
                r#"{{"rule":{{"family":"inet","table":"t","chain":"c","handle":{},"expr":[{expr}]}}}}"#,
                index + 2
            )
        })
        .collect();
    let json = format!(
        r#"{{"nftables":[{{"chain":{{"family":"inet","table":"t","name":"c","handle":1,"type":"filter","hook":"{hook}","prio":0,"policy":"{policy}"}}}}{}{}]}}"#,
        if rules.is_empty() { "" } else { "," },
        rules.join(",")
    );
    nft(json.as_bytes())
}

#[test]
fn firewalld_rejects_what_no_zone_allows_and_a_narrow_rich_rule_is_offered() {
    let rulesets = nft(FIREWALLD);
    assert_eq!(rulesets.managed_by().as_deref(), Some("firewalld"));
    let answer = rulesets.judge(&packet(Direction::Input, "10.88.0.2", "10.88.0.1", 9000));
    assert_eq!(answer.fate, Fate::Rejected("icmp-admin-prohibited".to_owned()));
    let rule = answer.rule.expect("a rule");
    assert_eq!(
        (rule.family.as_str(), rule.table.as_str(), rule.chain.as_str()),
        ("inet", "firewalld", "filter_IN_public")
    );
    assert_eq!(rule.text, "reject with icmpx admin-prohibited");
    assert_eq!(rule.show, "nft -a list chain inet firewalld filter_IN_public");
    assert_eq!(
        rule.allow,
        [
            "firewall-cmd",
            "--zone=public",
            "--add-rich-rule=rule family=\"ipv4\" source address=\"10.88.0.2\" destination address=\"10.88.0.1\" port port=\"9000\" protocol=\"tcp\" accept"
        ]
    );
    assert_eq!(
        rule.undo.get(2),
        rule.allow
            .get(2)
            .map(|word| word.replace("--add", "--remove"))
            .as_ref()
    );
    let unknown_source = rulesets.judge(&packet(Direction::Input, "", "10.88.0.1", 9000));
    assert_eq!(
        unknown_source.rule.expect("a rule").allow.join(" "),
        "firewall-cmd --zone=public --add-port=9000/tcp"
    );
    assert_eq!(
        rulesets
            .judge(&packet(Direction::Input, "10.88.0.2", "10.88.0.1", 22))
            .fate,
        Fate::Accepted
    );
    assert_eq!(
        rulesets
            .judge(&packet(Direction::Output, "10.88.0.1", "10.88.0.2", 80))
            .fate,
        Fate::Accepted
    );
}

#[test]
fn tables_of_iptables_are_not_read_twice() {
    let both = parse(&RulesetBytes {
        nft_json: Some(TWICE_NFT),
        iptables_save: Some(TWICE_SAVE),
        ..RulesetBytes::default()
    });
    let save = parse(&RulesetBytes {
        iptables_save: Some(TWICE_SAVE),
        ..RulesetBytes::default()
    });
    assert_eq!(both.rule_count(), save.rule_count());
    let answer = both.judge(&packet(Direction::Input, "10.0.0.2", "10.0.0.1", 8080));
    assert_eq!(answer.fate, Fate::Rejected("tcp-reset".to_owned()));
    assert_eq!(answer.rule.expect("a rule").backend, "iptables-nft");
    // Without iptables-save nft names the match but not its ports.
    let alone = nft(TWICE_NFT).judge(&packet(Direction::Input, "10.0.0.2", "10.0.0.1", 8090));
    assert!(matches!(alone.fate, Fate::CannotTell(_)), "{alone:?}");
}

#[test]
fn a_rewritten_destination_cannot_be_told() {
    let rulesets = parse(&RulesetBytes {
        iptables_save: Some(TWICE_SAVE),
        ..RulesetBytes::default()
    });
    let mut own = packet(Direction::Output, "", "127.0.0.1", 9);
    own.out_interface = Some("lo".to_owned());
    assert!(matches!(rulesets.judge(&own).fate, Fate::CannotTell(_)));
    own.destination_port = 10;
    assert_eq!(rulesets.judge(&own).fate, Fate::Accepted);
}

#[test]
fn what_is_not_modelled_matters_only_where_the_fates_differ() {
    let unknown = r#"{"match":{"op":"==","left":{"meta":{"key":"cgroup"}},"right":1}}"#;
    let drop = format!(r#"{unknown},{{"drop":null}}"#);
    let asked = packet(Direction::Input, "10.0.0.2", "10.0.0.1", 80);
    assert!(matches!(
        chain("input", "accept", &[&drop]).judge(&asked).fate,
        Fate::CannotTell(_)
    ));
    assert_eq!(chain("input", "drop", &[&drop]).judge(&asked).fate, Fate::Dropped);
    assert_eq!(
        chain("input", "accept", &[r#"{"accept":null}"#, &drop])
            .judge(&asked)
            .fate,
        Fate::Accepted
    );
}

#[test]
fn an_nft_exception_goes_right_before_the_handle_and_its_comment_finds_it_again() {
    let drop = r#"{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"set":[80,{"range":[90,99]}]}}},{"drop":null}"#;
    let answer =
        chain("input", "accept", &[drop]).judge(&packet(Direction::Input, "10.0.0.2", "10.0.0.1", 95));
    let rule = answer.rule.expect("a rule");
    assert_eq!((answer.fate, rule.handle), (Fate::Dropped, Some(2)));
    assert_eq!(rule.text, "tcp dport { 80, 90-99 } drop");
    assert_eq!(
        rule.allow.join(" "),
        "nft insert rule inet t c position 2 ip saddr 10.0.0.2 ip daddr 10.0.0.1 tcp dport 95 accept comment \"fix502 tcp 10.0.0.1 dport 95\""
    );
    assert_eq!(rule.undo.first().map(String::as_str), Some("sh"));
}

#[test]
fn a_ruleset_that_cannot_be_read_is_never_taken_for_no_rules() {
    for bytes in [&b"not json"[..], b"{}", b"\xff"] {
        let answer = nft(bytes).judge(&packet(Direction::Output, "10.0.0.2", "10.0.0.1", 80));
        assert!(matches!(answer.fate, Fate::CannotTell(_)), "{answer:?}");
    }
    assert_eq!(
        nft(b"{\"nftables\":[]}")
            .judge(&packet(Direction::Output, "", "10.0.0.1", 80))
            .fate,
        Fate::Accepted
    );
}

#[test]
fn every_expression_of_the_sample_is_read_and_written_in_words() {
    let rulesets = nft(MANY);
    let texts: Vec<&str> = rulesets
        .chains
        .iter()
        .flat_map(|chain| &chain.rules)
        .map(|rule| rule.text.as_str())
        .collect();
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn with_both_variants_in_use_each_is_named_in_its_commands() {
    let legacy = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 80 -j DROP\nCOMMIT\n";
    let modern = format!(
        "# Generated by iptables-save v1.8.9 (nf_tables)\n{}",
        legacy.replace("80", "81")
    );
    let both = parse(&RulesetBytes {
        iptables_legacy_save: Some(legacy.as_bytes()),
        iptables_save: Some(modern.as_bytes()),
        ..RulesetBytes::default()
    });
    let command = |port| {
        let answer = both.judge(&packet(Direction::Input, "10.0.0.2", "10.0.0.1", port));
        answer.rule.expect("a rule").allow.first().cloned()
    };
    assert_eq!(command(80).as_deref(), Some("iptables-legacy"));
    assert_eq!(command(81).as_deref(), Some("iptables-nft"));
}

#[test]
fn a_drop_and_a_reject_of_one_priority_in_two_tables_cannot_be_told_apart() {
    let legacy = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 80 -j DROP\nCOMMIT\n";
    let modern = "# (nf_tables)\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n";
    let both = parse(&RulesetBytes {
        iptables_legacy_save: Some(legacy.as_bytes()),
        iptables_save: Some(modern.as_bytes()),
        ..RulesetBytes::default()
    });
    let fate = |port| {
        both.judge(&packet(Direction::Input, "10.0.0.2", "10.0.0.1", port))
            .fate
    };
    assert!(matches!(fate(80), Fate::CannotTell(_)));
    assert_eq!(fate(81), Fate::Rejected("tcp-reset".to_owned()));
}

#[test]
fn a_reset_is_for_tcp_and_an_icmp_answer_for_its_family_though_nft_prints_neither() {
    let reset = chain("input", "accept", &[r#"{"reject":{"type":"tcp reset"}}"#]);
    let mut asked = packet(Direction::Input, "10.0.0.2", "10.0.0.1", 80);
    assert_eq!(reset.judge(&asked).fate, Fate::Rejected("tcp-reset".to_owned()));
    asked.protocol = "udp".to_owned();
    assert_eq!(reset.judge(&asked).fate, Fate::Accepted);
    let answer = chain(
        "input",
        "accept",
        &[r#"{"reject":{"type":"icmpv6","expr":"no-route"}}"#],
    );
    assert_eq!(answer.judge(&asked).fate, Fate::Accepted);
    asked = packet(Direction::Input, "fd00::2", "fd00::1", 80);
    assert_eq!(
        answer.judge(&asked).fate,
        Fate::Rejected("icmp6-no-route".to_owned())
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(cut in 0_usize..60_000, noise in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
        for sample in [UFW, UFW6, FIREWALLD, MANY, TWICE_NFT, TWICE_SAVE] {
            let cut = cut % sample.len();
            let bytes = [&sample[..cut], &noise[..], &sample[cut..]].concat();
            let rulesets = parse(&RulesetBytes {
                nft_json: Some(&bytes),
                iptables_save: Some(&bytes),
                ip6tables_legacy_save: Some(&bytes),
                ..RulesetBytes::default()
            });
            rulesets.judge(&packet(Direction::Forward, "10.0.0.2", "10.0.0.1", 80));
            rulesets.judge(&packet(Direction::Input, "", "fd00::1", 80));
        }
    }

    #[test]
    fn any_words_make_an_iptables_rule(words in proptest::collection::vec(proptest::sample::select(vec![
        "-s", "!", "-d", "10.0.0.0/8", "-p", "tcp", "-m", "limit", "--dport", "80:90", "-j", "-g", "c", "REJECT", "DROP",
        "--syn", "--tcp-flags", "SYN", "\"a b", "--comment", "-i", "+", "--mark", "0x1/0xff", "--uid-owner", "1-2",
    ]), 0..12)) {
        let rules = format!("*filter\n:INPUT DROP [0:0]\n:c - [0:0]\n-A c {}\n-A INPUT -j c\nCOMMIT\n", words.join(" "));
        let rulesets = iptables(&rules);
        proptest::prop_assert_eq!(rulesets.rule_count(), 2);
        rulesets.judge(&packet(Direction::Input, "10.0.0.2", "10.0.0.1", 80));
    }
}
