//! Counts by symptom, upstream and minute in bounded memory.
//!
//! What was counted last lies in a small open table; when that is full it goes, sorted and packed, to the end of a
//! journal. A journal that grows too long is packed again with longer steps of time. Totals stay exact whatever
//! happens to the steps.

use std::collections::HashMap;

use crate::evidence::Symptom;

/// More than [`Symptom`] has.
const SYMPTOMS: usize = 64;
/// Upstreams that are told apart.
const UPSTREAMS: usize = 1_000;
/// Places in the open table; a power of two.
const PLACES: usize = 1 << 14;
/// Entries with which it is full.
const FULL: usize = PLACES / 4 * 3;
/// First lines that are kept, all together.
const SAMPLES_BYTES: usize = 1 << 20;
/// The longest journal.
const JOURNAL_BYTES: usize = if cfg!(test) { 1 << 18 } else { 3 << 20 };
/// Minutes in one step of time, from the finest to the coarsest.
pub(super) const STEPS: [u64; 9] = [1, 2, 5, 10, 30, 60, 240, 1_440, 10_080];

/// A symptom of one upstream, as a small number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pair(u32);

/// An upstream, as a small number; 0: none is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Upstream(u16);

/// What is known of one pair besides its minutes.
#[derive(Clone, Debug)]
pub(super) struct Total {
    pub(super) count: u64,
    pub(super) first_ms: i64,
    pub(super) last_ms: i64,
    pub(super) sample: Box<str>,
}

impl Default for Total {
    fn default() -> Self {
        Self {
            count: 0,
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            sample: Box::default(),
        }
    }
}

/// The counts.
#[derive(Debug)]
pub(super) struct Tally {
    numbers: HashMap<Box<[u8]>, Upstream>,
    names: Vec<String>,
    kinds: [Option<Symptom>; SYMPTOMS],
    /// By upstream, then by symptom.
    totals: Vec<Vec<Total>>,
    sample_bytes: usize,
    open: Box<[(u64, u32)]>,
    used: usize,
    journal: Vec<u8>,
    /// Where the packed blocks of the journal begin.
    blocks: Vec<usize>,
    /// Index into [`STEPS`].
    step: usize,
    pub(super) upstreams_left_out: u64,
    pub(super) incomplete: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
            names: vec![String::new()],
            kinds: [None; SYMPTOMS],
            totals: Vec::new(),
            sample_bytes: 0,
            open: vec![(0, 0); PLACES].into_boxed_slice(),
            used: 0,
            journal: Vec::new(),
            blocks: Vec::new(),
            step: 0,
            upstreams_left_out: 0,
            incomplete: false,
        }
    }
}

impl Tally {
    /// The number of an upstream.
    pub(super) fn upstream(&mut self, name: &[u8]) -> Upstream {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        if name.is_empty() {
            return Upstream::default();
        }
        if self.names.len() > UPSTREAMS {
            self.upstreams_left_out = self.upstreams_left_out.saturating_add(1);
            return Upstream::default();
        }
        let number = Upstream(u16::try_from(self.names.len()).unwrap_or_default());
        self.names.push(String::from_utf8_lossy(name).into_owned());
        self.numbers.insert(name.into(), number);
        number
    }

    /// The name of an upstream.
    pub(super) fn name(&self, upstream: Upstream) -> Option<String> {
        self.names
            .get(usize::from(upstream.0))
            .filter(|name| !name.is_empty())
            .cloned()
    }

    /// Counts one line. `sample` is asked for the first line of each pair.
    pub(super) fn count(
        &mut self,
        symptom: Symptom,
        upstream: Upstream,
        at_ms: Option<i64>,
        sample: impl FnOnce() -> Box<str>,
    ) {
        let kind = symptom as usize % SYMPTOMS;
        let index = usize::from(upstream.0) * SYMPTOMS + kind;
        let row = usize::from(upstream.0);
        if row >= self.totals.len() {
            self.totals.resize_with(row + 1, || vec![Total::default(); SYMPTOMS]);
        }
        if let Some(place) = self.kinds.get_mut(kind) {
            *place = Some(symptom);
        }
        let Some(total) = self.totals.get_mut(row).and_then(|row| row.get_mut(kind)) else {
            return;
        };
        if total.count == 0 && self.sample_bytes < SAMPLES_BYTES {
            total.sample = sample();
            self.sample_bytes += total.sample.len();
        }
        total.count += 1;
        if let Some(at_ms) = at_ms {
            total.first_ms = total.first_ms.min(at_ms);
            total.last_ms = total.last_ms.max(at_ms);
            let minute = u64::try_from(at_ms / 60_000).unwrap_or_default();
            self.add(minute, u64::try_from(index).unwrap_or_default());
        }
    }

    /// Adds one to a minute of a pair, in the open table.
    fn add(&mut self, minute: u64, index: u64) {
        let width = STEPS.get(self.step).copied().unwrap_or(1);
        let minute = if width == 1 {
            minute
        } else {
            minute / width * width
        };
        // Never 0, which marks an empty place.
        let key = (minute << 18 | index) + 1;
        let mut place = usize::try_from(key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40).unwrap_or_default();
        loop {
            place %= PLACES;
            let Some(entry) = self.open.get_mut(place) else {
                return;
            };
            if entry.0 == key {
                entry.1 = entry.1.saturating_add(1);
                return;
            }
            if entry.0 == 0 {
                *entry = (key, 1);
                self.used += 1;
                if self.used >= FULL {
                    self.close();
                }
                return;
            }
            place += 1;
        }
    }

    /// Packs the open table to the end of the journal.
    fn close(&mut self) {
        let mut entries: Vec<(u64, u32)> = self.open.iter().copied().filter(|entry| entry.0 != 0).collect();
        self.open.fill((0, 0));
        self.used = 0;
        entries.sort_unstable_by_key(|entry| entry.0);
        self.blocks.push(self.journal.len());
        pack(&mut self.journal, &entries);
        while self.journal.len() > JOURNAL_BYTES {
            if self.step + 1 >= STEPS.len() {
                // More upstreams and years than anybody looks at: the totals stay.
                self.journal.clear();
                self.blocks.clear();
                self.incomplete = true;
                return;
            }
            self.step += 1;
            self.repack();
        }
    }

    /// Packs the whole journal again with the present step, block by block.
    fn repack(&mut self) {
        let width = STEPS.get(self.step).copied().unwrap_or(1);
        let (mut journal, mut blocks) = (Vec::with_capacity(self.journal.len() / 2), Vec::new());
        let mut entries: Vec<(u64, u32)> = Vec::new();
        let flush = |entries: &mut Vec<(u64, u32)>, journal: &mut Vec<u8>, blocks: &mut Vec<usize>| {
            entries.sort_unstable_by_key(|entry| entry.0);
            entries.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 = kept.1.saturating_add(next.1);
                }
                same
            });
            blocks.push(journal.len());
            pack(journal, entries);
            entries.clear();
        };
        for (number, start) in self.blocks.iter().enumerate() {
            let end = self.blocks.get(number + 1).copied().unwrap_or(self.journal.len());
            unpack(self.journal.get(*start..end).unwrap_or_default(), |key, count| {
                let (minute, index) = ((key - 1) >> 18, (key - 1) & 0x3_FFFF);
                entries.push(((minute / width * width) << 18 | index, count));
                if let Some(last) = entries.last_mut() {
                    last.0 += 1;
                }
                true
            });
            if entries.len() > 1 << 17 {
                flush(&mut entries, &mut journal, &mut blocks);
            }
        }
        flush(&mut entries, &mut journal, &mut blocks);
        (self.journal, self.blocks) = (journal, blocks);
    }

    /// The length of one step in minutes.
    pub(super) fn step_minutes(&self) -> u64 {
        STEPS.get(self.step).copied().unwrap_or(1)
    }

    /// Calls `each` with (pair, first minute of the step since 1970, lines) for everything counted, until it
    /// returns false. The same pair and step may come more than once: the counts add up.
    pub(super) fn each(&self, mut each: impl FnMut(Pair, u64, u64) -> bool) {
        let mut entry = |key: u64, count: u32| {
            let key = key.saturating_sub(1);
            let pair = Pair(u32::try_from(key & 0x3_FFFF).unwrap_or_default());
            each(pair, key >> 18, u64::from(count))
        };
        for (number, start) in self.blocks.iter().enumerate() {
            let end = self.blocks.get(number + 1).copied().unwrap_or(self.journal.len());
            if !unpack(self.journal.get(*start..end).unwrap_or_default(), &mut entry) {
                return;
            }
        }
        self.open
            .iter()
            .filter(|entry| entry.0 != 0)
            .all(|(key, count)| entry(*key, *count));
    }

    /// Everything with a count: the pair, its symptom, its upstream and its total.
    pub(super) fn totals(&self) -> impl Iterator<Item = (Pair, Symptom, Option<String>, &Total)> {
        self.totals
            .iter()
            .flatten()
            .enumerate()
            .filter(|(_, total)| total.count > 0)
            .filter_map(|(index, total)| {
                let symptom = (*self.kinds.get(index % SYMPTOMS)?)?;
                let upstream = self.name(Upstream(u16::try_from(index / SYMPTOMS).ok()?));
                Some((Pair(u32::try_from(index).ok()?), symptom, upstream, total))
            })
    }
}

/// Writes sorted entries as the distance from the one before and the count.
fn pack(journal: &mut Vec<u8>, entries: &[(u64, u32)]) {
    let mut before = 0;
    for (key, count) in entries {
        number(journal, key - before);
        number(journal, u64::from(*count));
        before = *key;
    }
}

/// Reads one block of what [`pack`] wrote, until `each` returns false; true when it never did.
fn unpack(mut block: &[u8], mut each: impl FnMut(u64, u32) -> bool) -> bool {
    let mut key = 0_u64;
    while !block.is_empty() {
        let (distance, rest) = read_number(block);
        let (count, rest) = read_number(rest);
        block = rest;
        key = key.saturating_add(distance);
        if !each(key, u32::try_from(count).unwrap_or(u32::MAX)) {
            return false;
        }
    }
    true
}

/// Seven bits to a byte, the lowest first.
fn number(journal: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        journal.push(u8::try_from(value & 127).unwrap_or_default() | 128);
        value >>= 7;
    }
    journal.push(u8::try_from(value).unwrap_or_default());
}

fn read_number(bytes: &[u8]) -> (u64, &[u8]) {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 127) << (7 * place);
        if byte & 128 == 0 {
            return (value, bytes.get(place + 1..).unwrap_or_default());
        }
    }
    (value, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn counted(tally: &Tally) -> BTreeMap<(u32, u64), u64> {
        let mut counts = BTreeMap::new();
        tally.each(|pair, minute, count| {
            *counts.entry((pair.0, minute)).or_default() += count;
            true
        });
        counts
    }

    #[test]
    fn counts_are_exact_by_minute_whatever_the_order() {
        let mut tally = Tally::default();
        let mut expected: BTreeMap<(u32, u64), u64> = BTreeMap::new();
        let mut random = 1_u64;
        for _ in 0..200_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let minute = 29_000_000 + (random >> 33) % 500;
            let name = format!("http://u{}", (random >> 45) % 20);
            let symptom = if random >> 63 == 0 {
                Symptom::ConnectionRefused
            } else {
                Symptom::HeaderTimeout
            };
            let upstream = tally.upstream(name.as_bytes());
            let at_ms = i64::try_from(minute * 60_000).expect("a time");
            tally.count(symptom, upstream, Some(at_ms), Box::default);
            let index = u32::from(upstream.0) * 64 + symptom as u32;
            *expected.entry((index, minute)).or_default() += 1;
        }
        assert!(tally.blocks.len() > 1, "the journal was used");
        assert_eq!(counted(&tally), expected);
        let sum: u64 = tally.totals().map(|(_, _, _, total)| total.count).sum();
        assert_eq!(sum, 200_000);
    }

    #[test]
    fn a_long_journal_gets_longer_steps_and_loses_nothing() {
        let mut tally = Tally::default();
        let upstreams: Vec<Upstream> = (0..999)
            .map(|number| tally.upstream(format!("http://u{number}").as_bytes()))
            .collect();
        for minute in 0..200_i64 {
            for upstream in &upstreams {
                tally.count(
                    Symptom::ConnectionRefused,
                    *upstream,
                    Some(minute * 60_000),
                    Box::default,
                );
            }
        }
        assert!(tally.step_minutes() > 1);
        assert!(tally.journal.len() <= JOURNAL_BYTES);
        let sum: u64 = counted(&tally).values().sum();
        assert_eq!(sum, 200 * 999);
        assert!(!tally.incomplete);
    }

    #[test]
    fn more_upstreams_than_are_told_apart_are_counted_together() {
        let mut tally = Tally::default();
        for number in 0..3_000 {
            let upstream = tally.upstream(format!("http://u{number}").as_bytes());
            tally.count(Symptom::ConnectionRefused, upstream, Some(0), Box::default);
        }
        assert_eq!(tally.upstreams_left_out, 2_000);
        let unnamed = tally.totals().find(|(_, _, upstream, _)| upstream.is_none());
        assert_eq!(unnamed.map(|(_, _, _, total)| total.count), Some(2_000));
    }
}
