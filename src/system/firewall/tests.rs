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
        "iptables-legacy -t filter -I INPUT 2 -p tcp -s 10.0.0.2 -d 10.0.0.1 --dport 8080 -j ACCEPT"
    );
}
