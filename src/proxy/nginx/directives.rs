//! The table of nginx's own directives: contexts, number of arguments, flag or block.
//!
//! Only what is certain is judged with it: a name that is not in the table may be a third-party module's.

use std::num::NonZeroU16;
use std::sync::LazyLock;

/// One way a directive may be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Letters of the contexts that may hold it (see [`super::checks`]).
    pub(super) contexts: &'static str,
    /// Allowed numbers of arguments: bit n for n of them.
    counts: u16,
    /// So many arguments and more are allowed too.
    at_least: Option<usize>,
    pub(super) is_flag: bool,
    pub(super) is_block: bool,
}

/// The directives of the table, by name; each has its number there.
struct Table {
    names: Vec<&'static str>,
    usages: Vec<Vec<Usage>>,
    symbols: foldhash::HashMap<&'static str, Symbol>,
}

/// The name of a directive of the table, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Symbol(NonZeroU16);

impl Symbol {
    /// Its place among all, from 0.
    pub(super) fn index(self) -> usize {
        usize::from(self.0.get()).saturating_sub(1)
    }

    /// The name as it is written.
    pub(super) fn text(self) -> &'static str {
        TABLE.names.get(self.index()).copied().unwrap_or_default()
    }

    /// All ways it may be used.
    pub(super) fn usages(self) -> &'static [Usage] {
        TABLE.usages.get(self.index()).map_or(&[], Vec::as_slice)
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        names: Vec::new(),
        usages: Vec::new(),
        symbols: foldhash::HashMap::default(),
    };
    for line in include_str!("directives.tsv").lines() {
        let mut fields = line.split('\t');
        if let (Some(name), Some(contexts), Some(arguments), Some(marks)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        {
            // Digits are allowed numbers; `+n` is n or more.
            let (digits, least) = arguments.split_once('+').unwrap_or((arguments, ""));
            let usage = Usage {
                contexts,
                counts: digits
                    .chars()
                    .filter_map(|digit| 1_u16.checked_shl(digit.to_digit(10)?))
                    .fold(0, |all, bit| all | bit),
                at_least: least.parse().ok(),
                is_flag: marks.contains('f'),
                is_block: marks.contains('b'),
            };
            if let Some(known) = table.symbols.get(name).copied() {
                if let Some(usages) = table.usages.get_mut(known.index()) {
                    usages.push(usage);
                }
                continue;
            }
            table.names.push(name);
            table.usages.push(vec![usage]);
            let number = u16::try_from(table.names.len()).ok().and_then(NonZeroU16::new);
            if let Some(number) = number {
                table.symbols.insert(name, Symbol(number));
            }
        }
    }
    table
});

/// The names of all directives, in the order of their numbers.
pub(super) fn names() -> &'static [&'static str] {
    &TABLE.names
}

/// The number of a name; `None` when the name is not nginx's own.
pub(super) fn symbol(name: &str) -> Option<Symbol> {
    TABLE.symbols.get(name).copied()
}

/// All usages of a name; empty when the name is not nginx's own.
pub(super) fn usages(name: &str) -> &'static [Usage] {
    symbol(name).map_or(&[], Symbol::usages)
}

pub(super) fn is_known(name: &str) -> bool {
    symbol(name).is_some()
}

impl Usage {
    /// True when this many arguments are allowed.
    pub(super) fn takes(&self, count: usize) -> bool {
        let bit = u32::try_from(count).ok().and_then(|count| 1_u16.checked_shl(count));
        bit.is_some_and(|bit| self.counts & bit != 0) || self.at_least.is_some_and(|least| count >= least)
    }
}

/// True when some usage of the name allows this many arguments.
pub(super) fn argument_count_fits(name: &str, count: usize) -> bool {
    usages(name).iter().any(|usage| usage.takes(count))
}

/// True when the name is not nginx's own, or when it may open a block.
pub(super) fn may_be_block(name: &str) -> bool {
    !is_known(name) || usages(name).iter().any(|usage| usage.is_block)
}

/// The directive of a context whose name is one slip of the finger away.
pub(super) fn nearly(name: &str, context: char) -> Option<&'static str> {
    let allowed = |usages: &[Usage]| usages.iter().any(|usage| usage.contexts.contains([context, '*']));
    let named = TABLE.names.iter().zip(&TABLE.usages);
    // The first in the order of the alphabet, so that the answer does not hang on the order of the table.
    named
        .filter(|(other, usages)| one_slip(name.as_bytes(), other.as_bytes()) && allowed(usages))
        .map(|(other, _)| *other)
        .min()
}

/// True when one letter is missing, too many, different, or changed places with its neighbour.
pub(super) fn one_slip<'a>(left: &'a [u8], right: &'a [u8]) -> bool {
    if left.len().abs_diff(right.len()) > 1 {
        return false;
    }
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (left, right) = (
        left.get(same..).unwrap_or_default(),
        right.get(same..).unwrap_or_default(),
    );
    let after = |bytes: &'a [u8], count: usize| bytes.get(count..);
    match (left, right) {
        ([], [_]) | ([_], []) => true,
        ([a, b, ..], [c, d, ..]) if a == d && b == c && after(left, 2) == after(right, 2) => true,
        _ if left.is_empty() || right.is_empty() => false,
        _ => {
            after(left, 1) == after(right, 1)
                || after(left, 1) == Some(right)
                || after(right, 1) == Some(left)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_seen_and_another_name_is_not() {
        for typed in [
            "proxy_pas",
            "proxy_passs",
            "porxy_pass",
            "proxy-pass",
            "roxy_pass",
        ] {
            assert_eq!(nearly(typed, 'L'), Some("proxy_pass"), "{typed}");
        }
        for other in ["more_set_headers", "proxy_connect", "set_real_ip"] {
            assert_eq!(nearly(other, 'L'), None, "{other}");
        }
    }
}
