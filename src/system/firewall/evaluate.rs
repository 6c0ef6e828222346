//! Sends one packet through the chains and collects every end it may come to.
//!
//! Where a rule's test is not known, both ways are followed, so the result is a set of possible ends; only when
//! they agree is there a fate. A walk never takes longer than the rules it visits: depth is bounded, and a
//! packet is not changed by a rule except for its mark and its tracking.

use std::net::IpAddr;

use super::model::{Base, Chain, Hook, Refusal, Rule, Test, Verdict};
use super::packet::{interface, source, source_port};
use crate::evidence::{Direction, Fate, Packet};

/// Jumps deeper than the kernel allows (16) are a loop.
const DEEPEST: usize = 32;
/// Priority of connection tracking where a packet enters the filters; earlier chains see no state.
const TRACKING: i64 = -200;
/// Rules looked at for one packet before the walk gives up.
const MOST_RULES: usize = 500_000;

/// Yes, no, or not known and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    Unknown(String),
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Where an end was decided: the chain, and its rule unless it was the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) chain: &'a Chain,
    pub(super) rule: Option<&'a Rule>,
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}
impl Eq for Chain {}
impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}
impl Eq for Rule {}

/// One possible end of the packet's way.
#[derive(Clone, Debug)]
pub(super) struct End<'a> {
    pub(super) fate: Fate,
    pub(super) place: Place<'a>,
    /// The base chain and every chain entered since, left or not, in order.
    trail: std::ops::Range<usize>,
    /// For a policy: the rule of its chain that sent the packet there before the chain's end.
    pub(super) sent_by: Option<&'a Rule>,
    /// Doubts there were when the walk entered this base chain.
    pub(super) earlier_doubts: usize,
}

/// A rule that might match.
#[derive(Clone, Debug)]
pub(super) struct Doubt<'a> {
    pub(super) place: Place<'a>,
    pub(super) reason: String,
}

/// All that may happen to one packet.
pub(super) struct Walk<'a> {
    chains: &'a [Chain],
    packet: &'a Packet,
    hook: Hook,
    /// Connection tracking state; `None` when not known.
    state: Option<String>,
    /// Connection tracking has seen the packet.
    tracked: bool,
    /// The packet's mark; `None` when not known.
    mark: Option<u32>,
    /// Some rule, anywhere, sets marks of flows.
    marks_flows: bool,
    /// Some rule, anywhere, rewrites destinations.
    rewrites: bool,
    visited: usize,
    visited_chains: Vec<&'a str>,
    /// Where the current base chain starts in `visited_chains`.
    entered_at: usize,
    earlier_doubts: usize,
    sent_by: Option<&'a Rule>,
    pub(super) ends: Vec<End<'a>>,
    pub(super) doubts: Vec<Doubt<'a>>,
    /// The packet may get through.
    pub(super) passes: bool,
}

impl<'a> Walk<'a> {
    /// Walks `packet` through all chains.
    pub(super) fn of(chains: &'a [Chain], packet: &'a Packet) -> Self {
        let has = |wanted: fn(&Verdict) -> bool| {
            chains
                .iter()
                .flat_map(|chain| &chain.rules)
                .any(|rule| wanted(&rule.verdict))
        };
        // On the loopback the packet keeps the mark and the tracking it left with.
        let came_by_loopback =
            packet.direction == Direction::Input && packet.in_interface.as_deref() == Some("lo");
        // An answer is tracked only if the packet it answers was.
        let later = came_by_loopback || packet.state != "new";
        let untracked = later && has(|verdict| *verdict == Verdict::Untrack);
        let mut walk = Self {
            chains,
            packet,
            hook: Hook::Output,
            state: (!untracked).then(|| packet.state.to_ascii_lowercase()),
            tracked: true,
            mark: (!(came_by_loopback && has(sets_mark))).then_some(0),
            marks_flows: has(|verdict| matches!(verdict, Verdict::ConnectionMark { .. })),
            rewrites: has(|verdict| matches!(verdict, Verdict::Rewrite(_))),
            visited: 0,
            visited_chains: Vec::new(),
            entered_at: 0,
            sent_by: None,
            earlier_doubts: 0,
            ends: Vec::new(),
            doubts: Vec::new(),
            passes: true,
        };
        let hooks: &[Hook] = match packet.direction {
            Direction::Input => &[Hook::Ingress, Hook::Prerouting, Hook::Input],
            Direction::Forward => &[Hook::Ingress, Hook::Prerouting, Hook::Forward, Hook::Postrouting],
            Direction::Output => &[Hook::Output, Hook::Postrouting],
        };
        for hook in hooks {
            walk.through(*hook, came_by_loopback);
        }
        walk
    }

    /// Names of the base chain of `end` and of every chain entered until then, in order.
    pub(super) fn trail(&self, end: &End<'_>) -> &[&'a str] {
        self.visited_chains.get(end.trail.clone()).unwrap_or_default()
    }

    /// All base chains of one hook.
    fn through(&mut self, hook: Hook, came_by_loopback: bool) {
        self.hook = hook;
        let mut bases: Vec<(&'a Chain, &'a Base)> = self
            .chains
            .iter()
            .filter(|chain| chain.family.sees(self.packet.destination))
            .filter_map(|chain| chain.base.as_ref().map(|base| (chain, base)))
            .filter(|(_, base)| base.hook == hook)
            .collect();
        // Of two chains with one priority the kernel calls the one that was added later first.
        bases.reverse();
        bases.sort_by_key(|(_, base)| base.priority);
        for (chain, base) in bases {
            // Of tables that share a priority nobody can see which the kernel calls first.
            let beside = |end: &End<'_>| {
                let other = end.place.chain;
                (other.backend, &other.table) != (chain.backend, &chain.table)
                    && other
                        .base
                        .as_ref()
                        .is_some_and(|other| other.hook == hook && other.priority == base.priority)
            };
            let blocked = !self.passes;
            if blocked && !self.ends.last().is_some_and(beside) {
                continue;
            }
            let in_interface = self.packet.in_interface.as_deref();
            if hook == Hook::Ingress
                && in_interface.is_some_and(|name| !base.devices.iter().any(|device| device == name))
            {
                continue;
            }
            // Translation is settled by the first packet; over the loopback, when it left.
            if base.nat && (self.packet.state != "new" || came_by_loopback) {
                continue;
            }
            let first_hook = matches!(hook, Hook::Ingress | Hook::Prerouting | Hook::Output);
            self.tracked = came_by_loopback || !first_hook || base.priority >= TRACKING;
            self.base_chain(chain, base);
            self.passes &= !blocked;
        }
    }

    fn base_chain(&mut self, chain: &'a Chain, base: &'a Base) {
        let before = self.ends.len();
        self.entered_at = self.visited_chains.len();
        self.sent_by = None;
        self.earlier_doubts = self.doubts.len();
        let falls_through = self.chain(chain, 0);
        let mut passes = falls_through && !base.drops;
        if falls_through && base.drops {
            self.end(Fate::Dropped, Place { chain, rule: None });
        }
        // An accept ends this base chain only.
        let mut kept = self.ends.split_off(before);
        passes |= kept.iter().any(|end| end.fate == Fate::Accepted);
        kept.retain(|end| end.fate != Fate::Accepted);
        self.ends.append(&mut kept);
        self.passes = passes;
    }

    fn end(&mut self, fate: Fate, place: Place<'a>) {
        let trail = self.entered_at..self.visited_chains.len();
        let sent_by = self.sent_by.filter(|_| place.rule.is_none());
        let earlier_doubts = self.earlier_doubts;
        self.ends.push(End {
            fate,
            place,
            trail,
            sent_by,
            earlier_doubts,
        });
    }

    /// Walks one chain; `true` when its end (or a return) may be reached.
    fn chain(&mut self, chain: &'a Chain, depth: usize) -> bool {
        let mut leaves = false;
        self.visited_chains.push(&chain.name);
        let falls = self.rules(chain, depth, &mut leaves);
        falls || leaves
    }

    fn rules(&mut self, chain: &'a Chain, depth: usize, leaves: &mut bool) -> bool {
        for rule in &chain.rules {
            let place = Place {
                chain,
                rule: Some(rule),
            };
            self.visited = self.visited.saturating_add(1);
            if depth > DEEPEST || self.visited > MOST_RULES {
                self.end(Fate::CannotTell("the chains are too deep".to_owned()), place);
                return false;
            }
            let sure = match self.all(&rule.tests) {
                Answer::No => continue,
                Answer::Yes => true,
                Answer::Unknown(reason) => {
                    if rule.verdict != Verdict::Continue {
                        self.doubts.push(Doubt { place, reason });
                    }
                    false
                }
            };
            match &rule.verdict {
                Verdict::Continue | Verdict::ConnectionMark { restores: false } => {}
                Verdict::Mark(change) => {
                    self.mark = change
                        .filter(|_| sure)
                        .zip(self.mark)
                        .map(|((keep, flip), mark)| (mark & keep) ^ flip);
                }
                Verdict::ConnectionMark { restores: true } => self.mark = None,
                // Too late once the packet is tracked; on the loopback it was when it left.
                Verdict::Untrack if self.tracked => {}
                Verdict::Untrack if sure => self.state = Some("untracked".to_owned()),
                Verdict::Untrack => self.state = None,
                Verdict::Accept => self.end(Fate::Accepted, place),
                Verdict::Drop => self.end(Fate::Dropped, place),
                Verdict::Reject(refusal) => self.end(Fate::Rejected(self.refusal(refusal)), place),
                Verdict::Rewrite(words) => self.end(Fate::CannotTell(format!("a rule {words}")), place),
                Verdict::Unmodelled(words) => self.end(Fate::CannotTell(words.clone()), place),
                Verdict::Return => {
                    *leaves = true;
                    self.leaves_by(rule, depth);
                    if sure {
                        return false;
                    }
                }
                Verdict::Jump(name) | Verdict::Goto(name) => {
                    let Some(next) = self.named(chain, name) else {
                        self.end(Fate::CannotTell(format!("target {name}")), place);
                        continue;
                    };
                    let back = self.chain(next, depth.saturating_add(1));
                    if matches!(rule.verdict, Verdict::Goto(_)) {
                        *leaves |= back;
                        self.leaves_by(rule, depth);
                        if sure {
                            return false;
                        }
                    } else if sure && !back {
                        return false;
                    }
                }
            }
            let ends = matches!(
                rule.verdict,
                Verdict::Accept | Verdict::Drop | Verdict::Reject(_) | Verdict::Rewrite(_)
            );
            if sure && ends {
                return false;
            }
        }
        true
    }

    /// Remembers the first rule of a base chain that may end it early.
    fn leaves_by(&mut self, rule: &'a Rule, depth: usize) {
        if depth == 0 && self.sent_by.is_none() {
            self.sent_by = Some(rule);
        }
    }

    fn named(&self, from: &Chain, name: &str) -> Option<&'a Chain> {
        self.chains.iter().find(|chain| {
            chain.name == name
                && chain.table == from.table
                && chain.family == from.family
                && chain.backend == from.backend
        })
    }

    fn refusal(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::Fixed(name) => name.clone(),
            Refusal::Icmpx(code) if self.packet.destination.is_ipv4() => match code.as_str() {
                "no-route" => "icmp-net-unreachable".to_owned(),
                other => format!("icmp-{other}"),
            },
            Refusal::Icmpx(code) => match code.as_str() {
                "host-unreachable" => "icmp6-addr-unreachable".to_owned(),
                "admin-prohibited" => "icmp6-adm-prohibited".to_owned(),
                "no-route" => "icmp6-no-route".to_owned(),
                other => format!("icmp6-{other}"),
            },
        }
    }

    fn all(&self, tests: &[Test]) -> Answer {
        let mut result = Answer::Yes;
        for test in tests {
            match self.test(test) {
                Answer::No => return Answer::No,
                Answer::Yes => {}
                unknown @ Answer::Unknown(_) => {
                    if result == Answer::Yes {
                        result = unknown;
                    }
                }
            }
        }
        result
    }

    fn any(&self, tests: &[Test]) -> Answer {
        let mut result = Answer::No;
        for test in tests {
            match self.test(test) {
                Answer::Yes => return Answer::Yes,
                Answer::No => {}
                unknown @ Answer::Unknown(_) => {
                    if result == Answer::No {
                        result = unknown;
                    }
                }
            }
        }
        result
    }

    fn test(&self, test: &Test) -> Answer {
        let packet = self.packet;
        match test {
            Test::All(tests) => self.all(tests),
            Test::Any(tests) => self.any(tests),
            Test::Not(inner) => match self.test(inner) {
                Answer::Yes => Answer::No,
                Answer::No => Answer::Yes,
                unknown @ Answer::Unknown(_) => unknown,
            },
            Test::Unknown(reason) => Answer::Unknown(reason.clone()),
            Test::Source(ranges) => match source(packet) {
                Some(address) => ranges.iter().any(|range| range.contains(address)).into(),
                None if ranges
                    .iter()
                    .all(|range| range.first.is_ipv4() != packet.destination.is_ipv4()) =>
                {
                    Answer::No
                }
                None if ranges.iter().any(|range| {
                    range.is_everything() && range.first.is_ipv4() == packet.destination.is_ipv4()
                }) =>
                {
                    Answer::Yes
                }
                None => Answer::Unknown("the source address, which is not known".to_owned()),
            },
            Test::Destination(ranges) => ranges.iter().any(|range| range.contains(packet.destination)).into(),
            Test::SourcePort(ranges) if packet.protocol != "icmp" => source_port(packet.source_port, ranges),
            Test::DestinationPort(ranges) if packet.protocol != "icmp" => ranges
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&packet.destination_port))
                .into(),
            Test::SourcePort(_) | Test::DestinationPort(_) => Answer::No,
            Test::Protocol(names) => {
                let actual = match (packet.protocol.as_str(), packet.destination) {
                    ("icmp", IpAddr::V6(_)) => "ipv6-icmp",
                    (other, _) => other,
                };
                names.iter().any(|name| name == actual).into()
            }
            Test::Version4(wanted) => (packet.destination.is_ipv4() == *wanted).into(),
            Test::InInterface(names) => interface(self.in_interface(), names, "interface it comes in by"),
            Test::OutInterface(names) => interface(self.out_interface(), names, "interface it leaves by"),
            Test::State(names) if !self.tracked && self.state.as_deref() != Some("untracked") => match &self
                .state
            {
                Some(_) => names.iter().any(|name| name == "invalid").into(),
                None => Answer::Unknown("connection tracking, which another rule may turn off".to_owned()),
            },
            Test::State(names) => match &self.state {
                Some(state) => names.iter().any(|name| name == state).into(),
                None => Answer::Unknown("connection tracking, which another rule may turn off".to_owned()),
            },
            Test::Translated => {
                let certain = packet.state == "new" && self.packet.in_interface.as_deref() != Some("lo");
                if certain || !self.rewrites {
                    Answer::No
                } else {
                    Answer::Unknown("address translation".to_owned())
                }
            }
            Test::Original => match packet.state.as_str() {
                "new" => Answer::Yes,
                _ => Answer::Unknown("the direction of the flow".to_owned()),
            },
            Test::Socket => self.socket(),
            Test::User(ranges) => self.owner(packet.uid, ranges, "user"),
            Test::Group(ranges) => self.owner(packet.gid, ranges, "group"),
            Test::SourceKind(kinds) => match source(packet) {
                _ if packet.direction == Direction::Output && kinds.iter().any(|kind| kind == "local") => {
                    Answer::Yes
                }
                Some(address) => self.kind(address, kinds, packet.direction == Direction::Output),
                None => Answer::Unknown("the source address, which is not known".to_owned()),
            },
            Test::DestinationKind(kinds) => {
                let here =
                    packet.direction == Direction::Input || packet.out_interface.as_deref() == Some("lo");
                self.kind(packet.destination, kinds, here)
            }
            Test::TcpFlags { mask, value } => {
                if packet.protocol != "tcp" {
                    return Answer::No;
                }
                // The first packet of a flow, or of its answer.
                let flags: u8 = match (packet.flags, packet.state.as_str()) {
                    (Some(flags), _) => flags,
                    (None, "new") => 0x02,
                    (None, "established") => 0x12,
                    // The reset of a rule that rejects.
                    (None, "related") => 0x14,
                    _ => return Answer::Unknown("TCP flags".to_owned()),
                };
                (flags & mask == *value).into()
            }
            Test::Mark { mask, value } => match self.mark {
                Some(mark) => (mark & mask == *value).into(),
                None => Answer::Unknown("the packet's mark, which another rule sets".to_owned()),
            },
            Test::Tracked => match self.state.as_deref() {
                _ if !self.tracked => Answer::No,
                Some(state) => (state != "untracked" && state != "invalid").into(),
                None => Answer::Unknown("connection tracking, which another rule may turn off".to_owned()),
            },
            Test::ConnectionMark { .. } if self.marks_flows => {
                Answer::Unknown("the mark of the flow, which another rule sets".to_owned())
            }
            Test::ConnectionMark { value, .. } => (*value == 0).into(),
        }
    }

    /// Name of the interface at this hook, empty where there is none yet or no more; `None`: not known.
    fn in_interface(&self) -> Option<&str> {
        match self.hook {
            Hook::Output => Some(""),
            Hook::Postrouting if self.packet.direction == Direction::Output => Some(""),
            Hook::Postrouting => None,
            _ => self.packet.in_interface.as_deref(),
        }
    }

    fn out_interface(&self) -> Option<&str> {
        match self.hook {
            Hook::Input | Hook::Prerouting | Hook::Ingress => Some(""),
            _ => self.packet.out_interface.as_deref(),
        }
    }

    /// Whether the socket belongs to one of these users or groups.
    fn owner(&self, owner: Option<u32>, ranges: &[(u32, u32)], what: &str) -> Answer {
        match (self.socket(), owner) {
            (Answer::Yes, Some(owner)) => ranges
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&owner))
                .into(),
            (Answer::No, _) => Answer::No,
            _ => Answer::Unknown(format!("the {what} that owns the socket, which is not known")),
        }
    }

    fn socket(&self) -> Answer {
        match (self.packet.direction, self.packet.state.as_str()) {
            (Direction::Output, "new" | "established") => Answer::Yes,
            (Direction::Input | Direction::Forward, "new") => Answer::No,
            _ => Answer::Unknown("whether the packet has a socket".to_owned()),
        }
    }

    /// Whether `address` is of one of `kinds`; `here`: known to be one of this host's.
    fn kind(&self, address: IpAddr, kinds: &[String], here: bool) -> Answer {
        let has = |kind: &str| kinds.iter().any(|one| one == kind);
        if address.is_multicast() {
            return has("multicast").into();
        }
        if address == IpAddr::V4(std::net::Ipv4Addr::BROADCAST) {
            return has("broadcast").into();
        }
        if here || address.is_loopback() {
            return has("local").into();
        }
        let leaves = matches!(self.packet.direction, Direction::Forward)
            || self.packet.out_interface.as_deref().is_some_and(|name| name != "lo");
        if leaves && address == self.packet.destination {
            return has("unicast").into();
        }
        if self.packet.direction != Direction::Output
            && Some(address) == self.packet.source
            && !has("unicast")
        {
            // What another host sends from is no broadcast, multicast or local address of this one.
            return Answer::No;
        }
        Answer::Unknown("the kind of an address".to_owned())
    }
}

/// Changes the mark of packets.
fn sets_mark(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Mark(_) | Verdict::ConnectionMark { restores: true }
    )
}
