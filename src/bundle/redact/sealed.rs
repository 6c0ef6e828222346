//! Secrets that were met, found wherever they stand: one pass over a text, however many they are.
//!
//! Every secret has at least [`HEAD`] bytes. At each place of a text so many bytes are looked up in a small
//! table of bits; only where it says so are they compared with the secrets that begin with them.

use std::ops::Range;
use std::sync::Arc;

/// The bytes by which secrets are looked up; none that is searched for is shorter.
pub(super) const HEAD: usize = 8;

/// Bits of the table, as a power of two: 32 KiB, which the cache next to the processor holds.
const TABLE_BITS: u32 = 18;

/// The secrets of one bundle.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    table: Vec<u64>,
    /// The secrets by their beginnings; of those that begin alike the longest first.
    secrets: Vec<Arc<str>>,
    /// The place of the first secret with this beginning.
    by_head: foldhash::HashMap<u64, u32>,
}

/// The place of a beginning in the table: the word and its bit.
fn place(head: u64) -> (usize, u64) {
    let hash = head.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - TABLE_BITS);
    (usize::try_from(hash >> 6).unwrap_or(0), 1 << (hash & 63))
}

/// The beginning by which a secret is looked up.
fn head_of(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|head| u64::from_le_bytes(*head))
}

impl Sealed {
    /// What finds these secrets; a shorter one than [`HEAD`] is not looked for.
    pub(super) fn new(secrets: impl Iterator<Item = Arc<str>>) -> Self {
        let mut sealed = Self {
            secrets: secrets.filter(|secret| secret.len() >= HEAD).collect(),
            ..Self::default()
        };
        sealed.secrets.sort_by(|one, other| {
            let by_head = head_of(one.as_bytes()).cmp(&head_of(other.as_bytes()));
            by_head.then(other.len().cmp(&one.len())).then_with(|| one.cmp(other))
        });
        sealed.by_head.reserve(sealed.secrets.len());
        for (index, secret) in sealed.secrets.iter().enumerate() {
            let (Some(head), Ok(index)) = (head_of(secret.as_bytes()), u32::try_from(index)) else {
                continue;
            };
            if sealed.table.is_empty() {
                sealed.table = vec![0; 1 << (TABLE_BITS - 6)];
            }
            let (word, bit) = place(head);
            if let Some(word) = sealed.table.get_mut(word) {
                *word |= bit;
            }
            sealed.by_head.entry(head).or_insert(index);
        }
        sealed
    }

    /// True when there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.by_head.is_empty()
    }

    /// The longest secret that these bytes begin with.
    fn at(&self, bytes: &[u8]) -> Option<&str> {
        let head = head_of(bytes)?;
        let first = usize::try_from(*self.by_head.get(&head)?).ok()?;
        let alike = self.secrets.get(first..)?.iter();
        alike
            .take_while(|secret| head_of(secret.as_bytes()) == Some(head))
            .find(|secret| bytes.starts_with(secret.as_bytes()))
            .map(AsRef::as_ref)
    }

    /// The first secret from a place on; of those that begin there, the longest.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let bytes = text.as_bytes().get(from..)?;
        let table: &[u64; 1 << (TABLE_BITS - 6)] = self.table.as_slice().try_into().ok()?;
        let mut at = 0;
        loop {
            let distance = bytes.get(at..)?.windows(HEAD).position(|window| {
                let head = window.try_into().map_or(0, u64::from_le_bytes);
                let (word, bit) = place(head);
                table.get(word).is_some_and(|word| word & bit != 0)
            })?;
            at += distance;
            let rest = bytes.get(at..)?;
            if let Some(secret) = self.at(rest) {
                return Some(from + at..from + at + secret.len());
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(secrets: &[&str], text: &str) -> Vec<Range<usize>> {
        let sealed = Sealed::new(secrets.iter().map(|secret| Arc::from(*secret)));
        let (mut out, mut from) = (Vec::new(), 0);
        while let Some(found) = sealed.find(text, from) {
            from = found.end;
            out.push(found);
        }
        out
    }

    #[test]
    fn of_secrets_that_begin_alike_the_longest_is_found() {
        let secrets = ["s3cr3t-1", "s3cr3t-12", "t0k3n-ä-0"];
        assert_eq!(
            all(&secrets, "x s3cr3t-12 s3cr3t-1s3cr3t-13 t0k3n-ä-0 t0k3n"),
            [2..11, 12..20, 20..28, 30..40]
        );
        assert!(all(&[], "s3cr3t-1").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn what_a_regular_expression_finds_is_found(
            secrets in proptest::collection::btree_set("[ab]{8,10}", 0..6),
            text in "[ab]{0,60}",
        ) {
            let mut secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            secrets.sort_by_key(|secret| (std::cmp::Reverse(secret.len()), *secret));
            let pattern = regex::Regex::new(&secrets.join("|")).expect("a pattern");
            let slow: Vec<_> = pattern.find_iter(&text).map(|found| found.range()).filter(|range| !range.is_empty()).collect();
            proptest::prop_assert_eq!(all(&secrets, &text), slow);
        }
    }
}
