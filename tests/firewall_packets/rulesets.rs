//! The random rulesets. To widen them: an alternative in the lists, with a port and an address of the test.

/// xorshift64*: the same rulesets for the same seed.
pub(super) struct Dice(u64);

impl Dice {
    /// Dice of their own for each case, so that a case is the same alone and among others.
    pub(super) fn of(seed: u64, case: usize) -> Self {
        let mixed =
            (seed ^ (case as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mut dice = Self((mixed ^ (mixed >> 31)).max(1));
        dice.roll(2);
        dice
    }

    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides as u64).expect("small")
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

/// Rules of one case.
pub(super) fn rules(dice: &mut Dice, case: usize) -> Vec<String> {
    match case % 6 {
        0 => iptables_rules(dice, "iptables-nft", false),
        1 => iptables_rules(dice, "iptables-legacy", false),
        2 | 3 => nft_rules(dice, "t"),
        4 => {
            let command = dice.pick(&["ip6tables-nft", "ip6tables-legacy"]);
            iptables_rules(dice, command, true)
        }
        _ => {
            let command = dice.pick(&[
                "ip6tables-nft",
                "iptables-nft",
                "ip6tables-legacy",
                "iptables-legacy",
            ]);
            let mut lines = iptables_rules(dice, command, command.starts_with("ip6"));
            lines.extend(nft_rules(dice, "u"));
            lines
        }
    }
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
            rule += match dice.roll(11) {
                8 if !six => " -m iprange --dst-range 127.0.0.2-127.0.0.9",
                9 if !six => " -p tcp -m iprange ! --src-range 127.0.0.2-127.0.0.9",
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
                " -m owner --gid-owner 33",
                " -m owner ! --gid-owner 33",
                " -m owner ! --uid-owner 33 --gid-owner 0",
                " -m owner --socket-exists",
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
                " -m mark --mark 0x0",
                " -m connmark --mark 0x7",
                " -m connmark ! --mark 0x7",
                " -m conntrack --ctdir ORIGINAL",
            ]);
        }
        if dice.chance(4) {
            rule += dice.pick(&[
                " -m limit --limit 1/hour",
                " -m statistic --mode nth --every 2",
                " -m recent --name x --rcheck",
                " -m hashlimit --hashlimit-above 1/hour --hashlimit-name x",
                " -m quota --quota 100",
            ]);
        }
        let unreachable = if six {
            dice.pick(&[
                "icmp6-port-unreachable",
                "icmp6-no-route",
                "icmp6-adm-prohibited",
                "icmp6-addr-unreachable",
            ])
        } else {
            dice.pick(&[
                "icmp-host-prohibited",
                "icmp-net-unreachable",
                "icmp-host-unreachable",
                "icmp-proto-unreachable",
                "icmp-port-unreachable",
                "icmp-net-prohibited",
                "icmp-admin-prohibited",
            ])
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
            ("mangle", 2) => "-j MARK --set-xmark 0x6/0x2".to_owned(),
            ("mangle", 3) => "-j CONNMARK --set-mark 7".to_owned(),
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
            "nft add map {at} targets {{ type ipv4_addr : verdict ; flags interval ; elements = {{ 127.0.0.2 : accept, 10.0.0.0/8 : drop, 127.0.0.1 : jump two }} ; }}"
        ),
        format!(
            "nft add set {at} late {{ type inet_service ; flags timeout ; elements = {{ 8002 timeout 1h, 8003 }} ; }}"
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
            rule += match dice.roll(36) {
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
                23 if outgoing => " meta skgid 33",
                24 if outgoing => " meta skgid != 33",
                23 => " meta mark 4",
                24 => " meta mark and 0x4 == 0x4",
                25 => " ct mark 7",
                26 => " ct mark != 7",
                27 => " tcp dport != { 8001, 8002 }",
                28 => " th dport 8001-8002",
                29 => " ip6 nexthdr tcp",
                30 => " tcp dport @late",
                31 => " tcp sport >= 1024",
                32 => " ip saddr . tcp dport { 127.0.0.1 . 8001, 127.0.0.2 . 8003 }",
                33 => " ct state { new, untracked }",
                34 => " ct direction original",
                _ => " ip saddr { 127.0.0.1, 10.0.0.1-10.0.0.9 }",
            };
        }
        if dice.chance(4) {
            rule += dice.pick(&[" limit rate 1/hour", " meta mark 4", " quota 100 bytes"]);
        }
        if dice.chance(20) {
            rule += dice.pick(&[" counter", " log"]);
        }
        rule += match dice.roll(22) {
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
            14 => " meta mark set 4",
            15 => " ct mark set 7",
            16 if chain != "two" => " ip daddr vmap @targets",
            17 => " ip saddr . tcp dport vmap { 127.0.0.1 . 8002 : drop, 127.0.0.2 . 8001 : accept }",
            18 if family != "ip6" => " ip version 4 reject with icmp host-unreachable",
            19 if family != "ip" => " ip6 version 6 reject with icmpv6 no-route",
            20 => " reject with icmpx no-route",
            _ => " accept",
        };
        lines.push(rule);
    }
    lines
}
