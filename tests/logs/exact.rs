//! The counts of a generated log are those that it was made with.

use fix502::proxy::logs::{LogKind, LogReader, recognise};

use super::generator::{self, Truth};

/// What the reader counted, in the form of the truth.
pub(super) fn counted(reader: &LogReader) -> Truth {
    let mut counts = Truth::new();
    reader.each_count(|symptom, upstream, minute, count| {
        *counts
            .entry((symptom, upstream.map(str::to_owned), minute))
            .or_default() += count;
    });
    counts
}

#[test]
fn a_generated_log_is_counted_exactly_by_symptom_upstream_and_minute() {
    let (mut log, mut truth) = (Vec::new(), Truth::new());
    generator::write(&mut log, 1, 3 << 20, 100, &mut truth).expect("memory");
    assert_eq!(recognise(&log), Some(LogKind::NginxError));
    let symptoms: std::collections::BTreeSet<_> = truth.keys().map(|key| key.0).collect();
    assert!(symptoms.len() >= 16, "{}", symptoms.len());
    for size in [log.len(), 65_536, 977] {
        let mut reader = LogReader::default();
        reader.begin(&LogKind::NginxError, "error.log", 0);
        for piece in log.chunks(size) {
            reader.feed(piece);
        }
        reader.end(None);
        assert_eq!(reader.step_minutes(), 1);
        assert_eq!(counted(&reader), truth, "in pieces of {size}");
    }
}

#[test]
fn the_account_adds_up_to_the_truth() {
    let (mut log, mut truth) = (Vec::new(), Truth::new());
    generator::write(&mut log, 2, 2 << 20, 50, &mut truth).expect("memory");
    let mut reader = LogReader::default();
    reader.begin(&LogKind::NginxError, "error.log", 0);
    reader.feed(&log);
    let account = reader.account();
    let sum: u64 = truth.values().sum();
    assert_eq!(account.symptoms.iter().map(|count| count.count).sum::<u64>(), sum);
    for count in &account.symptoms {
        let expected: u64 = truth
            .iter()
            .filter(|((symptom, upstream, _), _)| *symptom == count.symptom && *upstream == count.upstream)
            .map(|(_, lines)| lines)
            .sum();
        assert_eq!(count.count, expected, "{:?} {:?}", count.symptom, count.upstream);
        assert_eq!(count.series.iter().map(|step| step.count).sum::<u64>(), expected);
    }
    assert!(account.step_s > 60, "too many minutes to list were joined");
}
