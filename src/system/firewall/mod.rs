//! Packet filters: rulesets in, the fate of one packet out.
//!
//! [`parse`] brings what `nft`, `iptables-save` and the front ends print into one shape; [`Rulesets::judge`]
//! sends one packet through it the way the kernel would. Pure: the caller runs the commands and hands over the
//! bytes. What is not modelled (a rate limit, an ipset) never counts as a match or a miss: when it matters the
//! answer is [`Fate::CannotTell`] with the rule.
//!
//! `model` is the shape, `iptables` and `nft` read into it, `evaluate` walks it, `remedy` writes the commands
//! of the tool that manages the host. To add a source of rules: a reader that makes chains of the model.

mod evaluate;
mod iptables;
mod model;
mod nft;
mod nft_match;
mod nft_text;
mod packet;
mod remedy;
#[cfg(test)]
mod tests;

use self::evaluate::{Place, Walk};
use self::model::{Backend, Chain, Family};
use crate::evidence::{Fate, Packet, PacketAnswer};

/// Raw outputs; `None` where the tool is missing or failed (the caller records why).
#[derive(Clone, Copy, Debug, Default)]
pub struct RulesetBytes<'a> {
    /// `nft -j -a list ruleset`.
    pub nft_json: Option<&'a [u8]>,
    /// `iptables-nft-save`, or `iptables-save` of either variant.
    pub iptables_save: Option<&'a [u8]>,
    /// `ip6tables-nft-save`, or `ip6tables-save` of either variant.
    pub ip6tables_save: Option<&'a [u8]>,
    /// `iptables-legacy-save`.
    pub iptables_legacy_save: Option<&'a [u8]>,
    /// `ip6tables-legacy-save`.
    pub ip6tables_legacy_save: Option<&'a [u8]>,
    /// `ufw status verbose`.
    pub ufw_status: Option<&'a [u8]>,
    /// `firewall-cmd --state`.
    pub firewalld_state: Option<&'a [u8]>,
}

/// All rules loaded in one network namespace.
#[derive(Clone, Debug, Default)]
pub struct Rulesets {
    chains: Vec<Chain>,
    /// ufw says that it is active.
    ufw: bool,
    /// firewalld runs, or its table is loaded.
    firewalld: bool,
}

/// Reads all outputs. Never fails: what is not understood becomes a rule that is not modelled.
pub fn parse(bytes: &RulesetBytes<'_>) -> Rulesets {
    let mut chains = Vec::new();
    let legacy = [
        (bytes.iptables_legacy_save, Family::Ip, "iptables-legacy"),
        (bytes.ip6tables_legacy_save, Family::Ip6, "ip6tables-legacy"),
    ];
    for (output, family, command) in legacy {
        chains.extend(
            output
                .map(|output| iptables::parse(output, family, command))
                .unwrap_or_default(),
        );
    }
    let usual = [
        (bytes.iptables_save, Family::Ip, "iptables"),
        (bytes.ip6tables_save, Family::Ip6, "ip6tables"),
    ];
    for (output, family, command) in usual {
        let Some(output) = output else { continue };
        let mut read = iptables::parse(output, family, command);
        if chains.iter().any(|chain: &Chain| chain.family == family) {
            // A plain `iptables-save` of the legacy variant prints what was read above.
            read.retain(|chain| chain.backend != Backend::IptablesLegacy);
            // With both variants in use, which one the plain name means is not known.
            for chain in &mut read {
                chain.command = format!("{command}-nft");
            }
        }
        chains.extend(read);
    }
    if let Some(output) = bytes.nft_json {
        let elsewhere = |family: Family, table: &str| {
            chains.iter().any(|chain: &Chain| {
                chain.backend == Backend::IptablesNft && chain.family == family && chain.table == table
            })
        };
        match nft::parse(output, elsewhere) {
            Some(read) => chains.extend(read),
            None => chains.extend(model::not_understood()),
        }
    }
    let says = |output: Option<&[u8]>, wanted: &str| {
        output.is_some_and(|output| {
            String::from_utf8_lossy(output)
                .lines()
                .any(|line| line.trim().eq_ignore_ascii_case(wanted))
        })
    };
    Rulesets {
        ufw: says(bytes.ufw_status, "Status: active"),
        firewalld: says(bytes.firewalld_state, "running")
            || chains.iter().any(|chain| chain.table == "firewalld"),
        chains,
    }
}

impl Rulesets {
    /// Rules loaded in all, whatever they do.
    pub fn rule_count(&self) -> usize {
        self.chains.iter().map(|chain| chain.rules.len()).sum()
    }

    /// Who manages the rules (`ufw`, `firewalld`, `nft`, `iptables`); `None` when nothing is loaded.
    pub fn managed_by(&self) -> Option<String> {
        let native = |wanted: bool| {
            self.chains
                .iter()
                .any(|chain| !chain.rules.is_empty() && (chain.backend == Backend::Nft) == wanted)
        };
        let name = match () {
            () if self.ufw => "ufw",
            () if self.firewalld => "firewalld",
            () if native(true) => "nft",
            () if native(false) => "iptables",
            () => return None,
        };
        Some(name.to_owned())
    }

    /// What the rules do with one packet, and which rule decides.
    pub fn judge(&self, packet: &Packet) -> PacketAnswer {
        let walk = Walk::of(&self.chains, packet);
        let answer = |fate, rule| PacketAnswer {
            packet: packet.clone(),
            fate,
            rule,
        };
        let Some(first) = walk.ends.first() else {
            return answer(Fate::Accepted, None);
        };
        let certain = !walk.passes && walk.ends.iter().all(|end| end.fate == first.fate);
        if certain && !matches!(first.fate, Fate::CannotTell(_)) {
            return answer(
                first.fate.clone(),
                Some(remedy::deciding_rule(self, first, walk.trail(first), packet)),
            );
        }
        // The doubt that matters is the one whose rule decides one of the ends, if there is such.
        let unmodelled = walk.ends.iter().find_map(|end| match &end.fate {
            Fate::CannotTell(words) => Some((end.place, words.clone())),
            _ => None,
        });
        let doubt = walk
            .doubts
            .iter()
            .find(|doubt| walk.ends.iter().any(|end| end.place == doubt.place))
            .or_else(|| walk.doubts.get(first.earlier_doubts))
            .or_else(|| walk.doubts.first())
            .map(|doubt| (doubt.place, format!("depends on {}", doubt.reason)));
        let (place, reason) = doubt
            .or(unmodelled)
            .unwrap_or((first.place, "two chains disagree".to_owned()));
        let Place { chain, rule } = place;
        let text = rule.map_or_else(|| "policy drop".to_owned(), |rule| rule.text.clone());
        let words = format!(
            "`{text}` in chain {} of table {}: {reason}",
            chain.name, chain.table
        );
        answer(Fate::CannotTell(words), Some(remedy::undecided_rule(place)))
    }
}
