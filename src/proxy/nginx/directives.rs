//! The table of nginx's own directives: contexts, number of arguments, flag or block.
//!
//! Only what is certain is judged with it: a name that is not in the table may be a third-party module's.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One way a directive may be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Letters of the contexts that may hold it (see [`super::checks`]).
    pub(super) contexts: &'static str,
    /// Digits: allowed numbers of arguments; `+n`: n or more.
    pub(super) arguments: &'static str,
    pub(super) is_flag: bool,
    pub(super) is_block: bool,
}

static TABLE: LazyLock<BTreeMap<&'static str, Vec<Usage>>> = LazyLock::new(|| {
    let mut table: BTreeMap<&'static str, Vec<Usage>> = BTreeMap::new();
    for line in include_str!("directives.tsv").lines() {
        let mut fields = line.split('\t');
        if let (Some(name), Some(contexts), Some(arguments), Some(marks)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        {
            table.entry(name).or_default().push(Usage {
                contexts,
                arguments,
                is_flag: marks.contains('f'),
                is_block: marks.contains('b'),
            });
        }
    }
    table
});

/// All usages of a name; empty when the name is not nginx's own.
pub(super) fn usages(name: &str) -> &'static [Usage] {
    TABLE.get(name).map_or(&[], Vec::as_slice)
}

pub(super) fn is_known(name: &str) -> bool {
    TABLE.contains_key(name)
}

impl Usage {
    /// True when this many arguments are allowed.
    pub(super) fn takes(&self, count: usize) -> bool {
        if let Some((digits, least)) = self.arguments.split_once('+') {
            return least.parse().is_ok_and(|least: usize| count >= least) || has_digit(digits, count);
        }
        has_digit(self.arguments, count)
    }
}

fn has_digit(digits: &str, count: usize) -> bool {
    digits
        .chars()
        .any(|digit| digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()) == Some(count))
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
    let near = |other: &&&str| one_slip(name.as_bytes(), other.as_bytes());
    let allowed = |other: &&&str| {
        usages(other)
            .iter()
            .any(|usage| usage.contexts.contains([context, '*']))
    };
    TABLE.keys().filter(allowed).find(near).copied()
}

/// True when one letter is missing, too many, different, or changed places with its neighbour.
pub(super) fn one_slip(left: &[u8], right: &[u8]) -> bool {
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (left, right) = (
        left.get(same..).unwrap_or_default(),
        right.get(same..).unwrap_or_default(),
    );
    let after = |bytes: &[u8], count: usize| bytes.get(count..).map(<[u8]>::to_vec);
    match (left, right) {
        ([], [_]) | ([_], []) => true,
        ([a, b, ..], [c, d, ..]) if a == d && b == c && after(left, 2) == after(right, 2) => true,
        _ if left.is_empty() || right.is_empty() => false,
        _ => {
            after(left, 1) == after(right, 1)
                || after(left, 1).as_deref() == Some(right)
                || after(right, 1).as_deref() == Some(left)
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
