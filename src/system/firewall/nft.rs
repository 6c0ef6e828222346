//! Reads `nft -j -a list ruleset`.
//!
//! A match says what it looks at (left) and what it is compared with (right); `nft_match` knows the left sides
//! that are modelled. Every other expression makes its rule undecided, with the rule's own words. To model one
//! more statement: an arm in [`Reader::statement`].
//!
//! Known limit: of `meta nfproto ipv6 … reject with tcp reset` in an inet table nft (1.0.6) prints all but the
//! family, in words and in JSON; the rule is taken as printed.

use std::collections::HashMap;

use serde_json::Value;

use super::model::{Backend, Base, Chain, Family, Hook, Refusal, Rule, Test, Verdict};
use super::nft_match::{compare, needs};
use super::nft_text;

/// Named sets and maps: family, table, name, elements.
struct NamedSet<'a> {
    family: &'a str,
    table: &'a str,
    name: &'a str,
    elements: &'a [Value],
}

/// What one rule is read with.
#[derive(Clone, Copy)]
struct Reader<'a> {
    sets: &'a [NamedSet<'a>],
    family: &'a str,
    table: &'a str,
}

/// All chains of the families that see IP packets. `elsewhere` says which tables (family, name) were read from
/// `iptables-save`, which prints them better.
pub(super) fn parse(bytes: &[u8], elsewhere: impl Fn(Family, &str) -> bool) -> Option<Vec<Chain>> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let objects = document.get("nftables")?.as_array()?;
    let text =
        |object: &'_ Value, key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut sets = Vec::new();
    let mut dormant = Vec::new();
    for object in objects {
        if let Some(set) = object.get("set").or_else(|| object.get("map")) {
            let word = |key: &str| set.get(key).and_then(Value::as_str).unwrap_or_default();
            let elements = set
                .get("elem")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            sets.push(NamedSet {
                family: word("family"),
                table: word("table"),
                name: word("name"),
                elements,
            });
        } else if let Some(table) = object.get("table") {
            let sleeps = table
                .get("flags")
                .is_some_and(|flags| flags.to_string().contains("\"dormant\""));
            if sleeps {
                dormant.push((text(table, "family"), text(table, "name")));
            }
        }
    }
    let mut chains: Vec<Chain> = Vec::new();
    // Chains by family, table and name.
    let mut places: HashMap<(&str, String, String), usize> = HashMap::new();
    for object in objects {
        if let Some(chain) = object.get("chain") {
            let Some(family) = family(&text(chain, "family")) else {
                continue;
            };
            let table = text(chain, "table");
            if elsewhere(family, &table) {
                continue;
            }
            let asleep = dormant
                .iter()
                .any(|(kind, name)| kind == family.name() && *name == table);
            let base = if asleep { None } else { base(chain) };
            places.insert((family.name(), table.clone(), text(chain, "name")), chains.len());
            chains.push(Chain {
                backend: Backend::Nft,
                command: "nft".to_owned(),
                family,
                table,
                name: text(chain, "name"),
                base,
                rules: Vec::new(),
            });
        } else if let Some(rule) = object.get("rule") {
            let Some(family) = family(&text(rule, "family")) else {
                continue;
            };
            let (table, name) = (text(rule, "table"), text(rule, "chain"));
            let place = places.get(&(family.name(), table.clone(), name)).copied();
            let Some(chain) = place.and_then(|place| chains.get_mut(place)) else {
                continue;
            };
            let reader = Reader {
                sets: &sets,
                family: family.name(),
                table: &table,
            };
            chain.rules.extend(reader.rule(rule));
        }
    }
    Some(chains)
}

fn family(name: &str) -> Option<Family> {
    Some(match name {
        "ip" => Family::Ip,
        "ip6" => Family::Ip6,
        "inet" => Family::Inet,
        "netdev" => Family::Netdev,
        _ => return None,
    })
}

fn base(chain: &Value) -> Option<Base> {
    let hook = match chain.get("hook")?.as_str()? {
        "ingress" => Hook::Ingress,
        "prerouting" => Hook::Prerouting,
        "input" => Hook::Input,
        "forward" => Hook::Forward,
        "output" => Hook::Output,
        "postrouting" => Hook::Postrouting,
        _ => return None,
    };
    let devices = match chain.get("dev") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Some(Base {
        hook,
        priority: chain.get("prio").and_then(Value::as_i64).unwrap_or(0),
        nat: chain.get("type").and_then(Value::as_str) == Some("nat"),
        drops: chain.get("policy").and_then(Value::as_str) == Some("drop"),
        devices,
    })
}

impl Reader<'_> {
    /// One rule; a verdict map makes one for each element, and one for what stands before it.
    fn rule(&self, rule: &Value) -> Vec<Rule> {
        let statements = rule
            .get("expr")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let text = nft_text::rule(statements);
        let handle = rule.get("handle").and_then(Value::as_u64);
        let made = |tests: Vec<Test>, verdict: Verdict| Rule {
            text: text.clone(),
            handle,
            position: None,
            tests,
            verdict,
        };
        let mut rules = Vec::new();
        let mut tests: Vec<Test> = Vec::new();
        for statement in statements {
            let Some((name, body)) = statement.as_object().and_then(|object| object.iter().next()) else {
                tests.push(Test::Unknown("an expression that is not understood".to_owned()));
                continue;
            };
            match self.statement(name, body) {
                Statement::Nothing => {}
                Statement::Test(test) => tests.push(test),
                Statement::Does(verdict) => {
                    // nft does not print the family or the protocol that the answer implies.
                    match body.get("type").and_then(Value::as_str) {
                        Some("tcp reset") if name == "reject" => {
                            tests.push(Test::Protocol(vec!["tcp".to_owned()]));
                        }
                        Some("icmp") if name == "reject" => tests.push(Test::Version4(true)),
                        Some("icmpv6") if name == "reject" => tests.push(Test::Version4(false)),
                        _ => {}
                    }
                    rules.push(made(tests.clone(), verdict));
                }
                Statement::Map(elements) => {
                    for (test, verdict) in elements {
                        let mut tests = tests.clone();
                        tests.push(test);
                        rules.push(made(tests, verdict));
                    }
                }
            }
        }
        if rules.is_empty() {
            rules.push(made(tests, Verdict::Continue));
        }
        rules
    }

    fn statement(&self, name: &str, body: &Value) -> Statement {
        match name {
            "match" => Statement::Test(self.matching(body)),
            "vmap" => self.verdict_map(body),
            "counter" | "log" | "dup" | "comment" | "flow" | "secmark" | "last" | "ct helper"
            | "ct timeout" | "ct expectation" | "continue" => Statement::Nothing,
            "mangle" => {
                let of = |kind: &str| body.get("key").and_then(|key| key.get(kind)?.get("key")?.as_str());
                let value = body
                    .get("value")
                    .and_then(Value::as_u64)
                    .and_then(|value| u32::try_from(value).ok());
                match (of("meta"), of("ct")) {
                    (Some("mark"), _) => Statement::Does(Verdict::Mark(value.map(|value| (0, value)))),
                    (_, Some("mark")) => Statement::Does(Verdict::ConnectionMark { restores: false }),
                    _ => Statement::Nothing,
                }
            }
            "set" | "map" if body.get("stmt").is_none() => Statement::Nothing,
            "limit" | "quota" | "ct count" | "meter" | "set" | "connlimit" => {
                Statement::Test(Test::Unknown(format!("rate limited ({name})")))
            }
            "snat" | "masquerade" => Statement::Does(Verdict::Accept),
            "xt" => extension(body),
            _ => match verdict(name, body) {
                Some(verdict) => Statement::Does(verdict),
                None => Statement::Test(Test::Unknown(format!("`{name}`"))),
            },
        }
    }

    /// `vmap`: each element a test and what it does.
    fn verdict_map(&self, body: &Value) -> Statement {
        let unknown = || Statement::Does(Verdict::Unmodelled("a verdict map".to_owned()));
        let (Some(key), Some(data)) = (body.get("key"), body.get("data")) else {
            return unknown();
        };
        let elements: &[Value] = match data {
            Value::String(name) => match self.named(name) {
                Some(elements) => elements,
                None => return unknown(),
            },
            other => other
                .get("set")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default(),
        };
        let mut list = Vec::new();
        for element in elements {
            let Some([value, action]) = element.as_array().map(Vec::as_slice) else {
                return unknown();
            };
            let made = action.as_object().and_then(|object| object.iter().next());
            let Some(verdict) = made.and_then(|(name, body)| verdict(name, body)) else {
                return unknown();
            };
            if value.as_str() == Some("*") {
                // The catch-all comes last: no other element matched.
                let others: Vec<Test> = list.iter().map(|(test, _): &(Test, Verdict)| test.clone()).collect();
                let mut all = needs(key);
                all.push(Test::Not(Box::new(Test::Any(others))));
                list.push((Test::All(all), verdict));
            } else {
                list.push((compare(key, std::slice::from_ref(value), "=="), verdict));
            }
        }
        Statement::Map(list)
    }

    fn named(&self, reference: &str) -> Option<&[Value]> {
        let name = reference.strip_prefix('@')?;
        let set = self
            .sets
            .iter()
            .find(|set| set.name == name && set.table == self.table && set.family == self.family)?;
        Some(set.elements)
    }

    fn matching(&self, body: &Value) -> Test {
        let operator = body.get("op").and_then(Value::as_str).unwrap_or("==");
        let (Some(left), Some(right)) = (body.get("left"), body.get("right")) else {
            return Test::Unknown("an expression that is not understood".to_owned());
        };
        if let Some(elements) = right.as_str().and_then(|name| self.named(name)) {
            return compare(left, elements, operator);
        }
        if right.as_str().is_some_and(|name| name.starts_with('@')) {
            return Test::Unknown(format!("the set {}", nft_text::value(right)));
        }
        match right.get("set") {
            Some(Value::Array(list)) => compare(left, list, operator),
            Some(one) => compare(left, std::slice::from_ref(one), operator),
            None => compare(left, std::slice::from_ref(right), operator),
        }
    }
}

/// What a statement means for the walk.
enum Statement {
    Nothing,
    Test(Test),
    Does(Verdict),
    Map(Vec<(Test, Verdict)>),
}

/// What `iptables-nft` put into its tables, seen by nft: names without their options.
fn extension(body: &Value) -> Statement {
    let name = body.get("name").and_then(Value::as_str).unwrap_or("?");
    match (body.get("type").and_then(Value::as_str), name) {
        (Some("match" | "watcher"), "comment")
        | (Some("target" | "watcher"), "LOG" | "NFLOG" | "TCPMSS" | "CT") => Statement::Nothing,
        (Some("target"), "MARK") => Statement::Does(Verdict::Mark(None)),
        (Some("target"), "CONNMARK") => Statement::Does(Verdict::ConnectionMark { restores: true }),
        (Some("target"), "MASQUERADE" | "SNAT") => Statement::Does(Verdict::Accept),
        (Some("target"), "DNAT" | "REDIRECT") => {
            Statement::Does(Verdict::Rewrite("rewrites the destination".to_owned()))
        }
        (Some("target"), _) => Statement::Does(Verdict::Unmodelled(format!("target {name} of iptables"))),
        _ => Statement::Test(Test::Unknown(format!("-m {name} of iptables"))),
    }
}

fn verdict(name: &str, body: &Value) -> Option<Verdict> {
    let target = || {
        body.get("target")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Some(match name {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "return" => Verdict::Return,
        "continue" => Verdict::Continue,
        "jump" => Verdict::Jump(target()),
        "goto" => Verdict::Goto(target()),
        "notrack" => Verdict::Untrack,
        "reject" => Verdict::Reject(refusal(body)),
        "dnat" | "redirect" => Verdict::Rewrite("rewrites the destination".to_owned()),
        "queue" | "tproxy" | "synproxy" | "fwd" => Verdict::Unmodelled(format!("`{name}`")),
        _ => return None,
    })
}

fn refusal(body: &Value) -> Refusal {
    let code = body.get("expr").and_then(Value::as_str).unwrap_or("port-unreachable");
    match body.get("type").and_then(Value::as_str) {
        Some("tcp reset") => Refusal::Fixed("tcp-reset".to_owned()),
        Some("icmp") => Refusal::Fixed(format!(
            "icmp-{}",
            if code == "prot-unreachable" {
                "proto-unreachable"
            } else {
                code
            }
        )),
        Some("icmpv6") if code == "admin-prohibited" => Refusal::Fixed("icmp6-adm-prohibited".to_owned()),
        Some("icmpv6") => Refusal::Fixed(format!("icmp6-{code}")),
        _ => Refusal::Icmpx(code.to_owned()),
    }
}
