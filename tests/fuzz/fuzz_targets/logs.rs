//! Any bytes as a log of each kind, in pieces of any size; the first byte is that size.
//!
//! What is counted may not depend on where the pieces end, and memory has a bound whatever the lines are.
#![no_main]

use fix502::proxy::logs::{Carrier, LogKind, LogReader, Tagged, line_ms, recognise};
use fix502_fuzz::bounded;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((size, log)) = input.split_first() else { return };
    let _ = recognise(log);
    let _ = line_ms(log, -3_600);
    let kinds = [
        LogKind::NginxError,
        LogKind::NginxAccess(String::new()),
        LogKind::ApacheError,
        LogKind::ApacheAccess(String::new()),
        LogKind::SquidCache,
        LogKind::SquidAccess,
        LogKind::Application,
        LogKind::Carried(Carrier {
            tags: [("edge", "nginx error"), ("shop", "apache error"), ("", "squid cache"), ("", "application")]
                .map(|(tag, kind)| Tagged {
                    tag: tag.to_owned(),
                    kind: kind.to_owned(),
                    format: String::new(),
                })
                .to_vec(),
            now_ms: 1_795_402_800_000,
        }),
    ];
    for kind in &kinds {
        let read = |size: usize| {
            bounded(log.len(), || {
                let mut reader = LogReader::default();
                reader.begin(kind, "x.log", 3_600);
                for piece in log.chunks(size) {
                    reader.feed(piece);
                }
                reader.account()
            })
        };
        let account = read(usize::from(*size).max(1));
        assert_eq!(account, read(log.len().max(1)), "{}", kind.name());
        // Every line that is counted is in a step, unless it had no time.
        for count in &account.symptoms {
            let sum: u64 = count.series.iter().map(|step| step.count).sum();
            assert!(sum <= count.count);
        }
    }
    // The first line as a format of one's own.
    let end = log.iter().position(|byte| *byte == b'\n').unwrap_or(log.len());
    let (format, lines) = log.split_at(end);
    let format = String::from_utf8_lossy(format).into_owned();
    for kind in [LogKind::NginxAccess(format.clone()), LogKind::ApacheAccess(format)] {
        let mut reader = LogReader::default();
        reader.begin(&kind, "access.log", 0);
        reader.feed(lines);
        let _ = reader.account();
    }
});
