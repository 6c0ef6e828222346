//! The table of nginx's own directives: contexts, number of arguments, flag or block.
//!
//! Only what is certain is judged with it: a name that is not in the table may be a third-party module's.

use std::num::NonZeroU16;
use std::sync::LazyLock;

/// One way a directive may be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// The contexts that may hold it.
    contexts: Contexts,
    /// Allowed numbers of arguments: bit n for n of them.
    counts: u16,
    /// So many arguments and more are allowed too.
    at_least: Option<usize>,
    pub(super) is_flag: bool,
    pub(super) is_block: bool,
}

/// Contexts by their letters (see [`super::checks`]), a bit each: a letter is looked for with every directive.
#[derive(Clone, Copy, Debug)]
struct Contexts(u64);

impl Contexts {
    fn of(letters: &str) -> Self {
        if letters.contains('*') {
            return Self(u64::MAX);
        }
        Self(letters.bytes().fold(0, |all, letter| all | Self::bit(letter)))
    }

    /// All letters are of the 64 characters from `@` on.
    fn bit(letter: u8) -> u64 {
        1_u64.checked_shl(u32::from(letter.wrapping_sub(b'@'))).unwrap_or(0)
    }
}

/// The directives of the table, by name; each has its number there.
struct Table {
    names: Vec<&'static str>,
    usages: Vec<Vec<Usage>>,
    symbols: Names,
}

/// Numbers by name. Every name of every file is looked up, so the place of a name is made of its length and its
/// ends alone.
struct Names {
    /// 0: free. A name whose place is taken stands in the next free one.
    places: Vec<u16>,
}

impl Names {
    /// A power of two, several times the number of directives, so that few share a place.
    const PLACES: usize = 8192;

    fn new() -> Self {
        Self {
            places: vec![0; Self::PLACES],
        }
    }

    /// The first place where a name may stand.
    fn place(name: &str) -> usize {
        let bytes = name.as_bytes();
        let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (bytes.iter().fold(0, |all, byte| (all << 8) | u64::from(*byte)), 0),
        };
        let length = u64::try_from(bytes.len()).unwrap_or(0);
        // The odd numbers spread the bits; the highest depend on all of them.
        let mixed = first
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(last.rotate_left(29))
            .wrapping_add(length)
            .wrapping_mul(0xd6e8_feb8_6659_fd93);
        usize::try_from(mixed >> 51).unwrap_or(0)
    }

    fn add(&mut self, name: &str, number: NonZeroU16) {
        let mut place = Self::place(name);
        while self.places.get(place).is_some_and(|taken| *taken != 0) {
            place = (place + 1) % Self::PLACES;
        }
        if let Some(free) = self.places.get_mut(place) {
            *free = number.get();
        }
    }
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

impl Table {
    fn symbol(&self, name: &str) -> Option<Symbol> {
        let mut place = Names::place(name);
        loop {
            // A free place: the name is not there.
            let symbol = Symbol(NonZeroU16::new(*self.symbols.places.get(place)?)?);
            if self.names.get(symbol.index()) == Some(&name) {
                return Some(symbol);
            }
            place = (place + 1) % Names::PLACES;
        }
    }
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        names: Vec::new(),
        usages: Vec::new(),
        symbols: Names::new(),
    };
    for line in include_str!("directives.tsv").lines() {
        let mut fields = line.split('\t');
        if let (Some(name), Some(contexts), Some(arguments), Some(marks)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        {
            // Digits are allowed numbers; `+n` is n or more.
            let (digits, least) = arguments.split_once('+').unwrap_or((arguments, ""));
            let usage = Usage {
                contexts: Contexts::of(contexts),
                counts: digits
                    .chars()
                    .filter_map(|digit| 1_u16.checked_shl(digit.to_digit(10)?))
                    .fold(0, |all, bit| all | bit),
                at_least: least.parse().ok(),
                is_flag: marks.contains('f'),
                is_block: marks.contains('b'),
            };
            if let Some(known) = table.symbol(name) {
                if let Some(usages) = table.usages.get_mut(known.index()) {
                    usages.push(usage);
                }
                continue;
            }
            table.names.push(name);
            table.usages.push(vec![usage]);
            let number = u16::try_from(table.names.len()).ok().and_then(NonZeroU16::new);
            if let Some(number) = number {
                table.symbols.add(name, number);
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
    TABLE.symbol(name)
}

/// All usages of a name; empty when the name is not nginx's own.
pub(super) fn usages(name: &str) -> &'static [Usage] {
    symbol(name).map_or(&[], Symbol::usages)
}

pub(super) fn is_known(name: &str) -> bool {
    symbol(name).is_some()
}

impl Usage {
    /// True when it may stand in the context of this letter.
    pub(super) fn is_allowed_in(&self, context: char) -> bool {
        u8::try_from(context).is_ok_and(|letter| self.contexts.0 & Contexts::bit(letter) != 0)
    }

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
    let allowed = |usages: &[Usage]| usages.iter().any(|usage| usage.is_allowed_in(context));
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
    fn every_name_of_the_table_has_its_own_number() {
        for (index, name) in names().iter().enumerate() {
            let symbol = symbol(name).expect("a number");
            assert_eq!((symbol.index(), symbol.text()), (index, *name));
        }
        for other in [
            "",
            "p",
            "proxy_pas",
            "proxy_pass ",
            "PROXY_PASS",
            "proxy_set_headers",
        ] {
            assert_eq!(symbol(other), None, "{other}");
        }
        // Otherwise a lookup goes over many of them.
        assert!(names().len() * 4 < Names::PLACES);
    }

    #[test]
    fn a_directive_is_allowed_in_the_contexts_of_the_table_only() {
        let allowed =
            |name: &str, context: char| usages(name).iter().any(|usage| usage.is_allowed_in(context));
        assert!(allowed("accept_mutex", 'e') && !allowed("accept_mutex", 'm'));
        assert!(allowed("client_max_body_size", 'L') && !allowed("client_max_body_size", 'l'));
        assert!(allowed("include", 'U') && allowed("include", 'l'));
    }

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
