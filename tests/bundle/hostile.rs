//! Archives from anybody: read with limits, refused with a reason, never unpacked.

use std::io::Write;

use fix502::bundle::{self, BundleError};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar with raw names, which the builder of the tar crate would refuse to write.
fn archive(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    gzip(&out)
}

const REGULAR: tar::EntryType = tar::EntryType::Regular;
const MANIFEST: &[u8] = br#"{"format":"fix502.bundle/v1","unknown":1}"#;
const LINES: &[u8] = b"{\"format\":\"fix502.transcript/v1\"}\n";

#[test]
fn a_minimal_archive_reads_and_so_does_one_below_a_directory() {
    for prefix in ["", "./", "fix502-web-1/"] {
        let names = [
            format!("{prefix}MANIFEST.json"),
            format!("{prefix}transcript/transcript.jsonl"),
        ];
        let bytes = archive(&[(&names[0], REGULAR, MANIFEST), (&names[1], REGULAR, LINES)]);
        assert_eq!(
            bundle::read(&bytes).unwrap(),
            bundle::Recorded::default(),
            "{prefix}"
        );
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../MANIFEST.json", "a/../../b", "/etc/passwd", "a\\..\\b", ".."] {
        let error = bundle::read(&archive(&[(name, REGULAR, b"x")])).unwrap_err();
        assert!(matches!(error, BundleError::Entry(..)), "{name}: {error}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Char,
        tar::EntryType::Block,
        tar::EntryType::Fifo,
        tar::EntryType::GNUSparse,
    ] {
        let error = bundle::read(&archive(&[("logs/a", kind, b"")])).unwrap_err();
        assert!(matches!(error, BundleError::Entry(..)), "{kind:?}: {error}");
    }
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    let error = bundle::read(&archive(&[
        ("logs/a", REGULAR, b"1"),
        ("./logs/a", REGULAR, b"2"),
    ]))
    .unwrap_err();
    assert!(error.to_string().contains("twice"), "{error}");
}

#[test]
fn a_bomb_is_stopped_early() {
    let zeros = vec![0_u8; 96 << 20];
    let error = bundle::read(&archive(&[("logs/zeros", REGULAR, &zeros)])).unwrap_err();
    assert!(matches!(error, BundleError::TooLarge(_)), "{error}");
}

#[test]
fn an_entry_that_claims_to_be_endless_is_refused() {
    let claiming = |kind: tar::EntryType, size: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_path("transcript/transcript.jsonl").unwrap();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        bundle::read(&gzip(header.as_bytes())).unwrap_err()
    };
    for size in [300_u64 << 20, u64::MAX >> 1, u64::MAX] {
        let error = claiming(REGULAR, size);
        assert!(
            matches!(error, BundleError::TooLarge(_) | BundleError::Damaged(_)),
            "{error}"
        );
        for kind in [
            tar::EntryType::XHeader,
            tar::EntryType::GNULongName,
            tar::EntryType::Directory,
        ] {
            let error = claiming(kind, size);
            assert!(
                matches!(error, BundleError::Truncated | BundleError::Damaged(_)),
                "{kind:?}: {error}"
            );
        }
    }
}

#[test]
fn too_many_entries_are_refused() {
    let names: Vec<String> = (0..10_001).map(|number| format!("logs/{number}")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), REGULAR, &b""[..])).collect();
    let error = bundle::read(&archive(&entries)).unwrap_err();
    assert!(matches!(error, BundleError::TooLarge(_)), "{error}");
}

#[test]
fn a_newer_format_is_refused_with_the_advice_to_update() {
    let manifest = br#"{"format":"fix502.bundle/v2","target":7}"#;
    let error = bundle::read(&archive(&[("MANIFEST.json", REGULAR, manifest)])).unwrap_err();
    assert!(matches!(error, BundleError::Newer(_)), "{error}");
    assert_eq!(error.hint(), "update fix502");
}

#[test]
fn other_files_are_told_from_bundles() {
    assert!(matches!(bundle::read(b""), Err(BundleError::NoBundle(_))));
    assert!(matches!(
        bundle::read(b"PK\x03\x04"),
        Err(BundleError::NoBundle(_))
    ));
    assert!(bundle::read(&gzip(b"2026/11/22 17:00:01 [error] a log, compressed")).is_err());
    assert!(matches!(
        bundle::read(&archive(&[("a", REGULAR, b"b")])),
        Err(BundleError::Missing(_))
    ));
    let odd = archive(&[("MANIFEST.json", REGULAR, b"{\"format\":\"other/v1\"}")]);
    assert!(matches!(bundle::read(&odd), Err(BundleError::NoBundle(_))));
    let odd = archive(&[("MANIFEST.json", REGULAR, &b"[".repeat(100_000))]);
    assert!(matches!(bundle::read(&odd), Err(BundleError::Manifest(_))));
}

#[test]
fn an_archive_that_is_cut_anywhere_is_an_error() {
    let whole = archive(&[
        ("MANIFEST.json", REGULAR, MANIFEST),
        ("transcript/transcript.jsonl", REGULAR, LINES),
    ]);
    for length in 0..whole.len() {
        assert!(
            bundle::read(&whole[..length]).is_err(),
            "{length} of {}",
            whole.len()
        );
    }
}

proptest! {
    #[test]
    fn an_archive_of_any_bytes_is_an_error_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(bundle::read(&bytes).is_err());
        prop_assert!(bundle::read(&gzip(&bytes)).is_err());
    }
}

/// Deflate blocks that need nothing that came before, so that they can stand any number of times.
fn blocks(bytes: &[u8]) -> Vec<u8> {
    let mut compress = flate2::Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(bytes.len() / 100 + 4_096);
    compress
        .compress_vec(bytes, &mut out, flate2::FlushCompress::Full)
        .unwrap();
    assert_eq!(compress.total_in(), bytes.len() as u64);
    out
}

/// A `.tar.gz` of 10 GB, in ten million bytes: entries of 200 MiB, each of which alone is allowed.
fn bomb() -> Vec<u8> {
    let zeros = blocks(&vec![0_u8; 10 << 20]);
    let mut out = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    for number in 0..50 {
        let mut header = tar::Header::new_ustar();
        header.set_path(format!("transcript/{number}.jsonl")).unwrap();
        header.set_size(200 << 20);
        header.set_mode(0o600);
        header.set_cksum();
        out.extend(blocks(header.as_bytes()));
        for _ in 0..20 {
            out.extend_from_slice(&zeros);
        }
    }
    out
}

/// A gzip of one file of 10 GB, all the same byte.
fn gzip_of(byte: u8) -> Vec<u8> {
    let block = blocks(&vec![byte; 10 << 20]);
    let mut out = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    for _ in 0..1_000 {
        out.extend_from_slice(&block);
    }
    out
}

/// A zip archive that says of its one entry what it likes, and holds 10 GB.
fn zip_of(byte: u8) -> Vec<u8> {
    let gzip = gzip_of(byte);
    let mut data = gzip[10..].to_vec();
    // The last block of the stream.
    data.extend([0x03, 0x00]);
    let four = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let mut out = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
    out.extend([four(data.len()), four(100)].concat());
    out.extend(b"\x09\0\0\0error.log");
    out.extend(&data);
    let directory = out.len();
    out.extend(b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0");
    out.extend([four(data.len()), four(100)].concat());
    out.extend(b"\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0error.log");
    let length = out.len() - directory;
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend([four(length), four(directory)].concat());
    out.extend([0, 0]);
    out
}

#[test]
fn ten_gigabytes_in_an_archive_are_refused_in_little_memory_and_nothing_is_written() {
    let nested = gzip(&gzip_of(b'x'));
    for (name, bomb, why) in [
        ("bomb.tar.gz", bomb(), "is larger than a bundle may be"),
        ("zeros.log.gz", gzip_of(0), "it is no text"),
        ("text.log.gz", gzip_of(b'x'), "unpacked it is longer than"),
        ("nested.gz", nested, "unpacked it is longer than"),
        ("zeros.zip", zip_of(0), "it is no text"),
        ("text.zip", zip_of(b'x'), "unpacked it is longer than"),
    ] {
        refused_in_little_memory(name, &bomb, why);
    }
}

fn refused_in_little_memory(name: &str, bomb: &[u8], why: &str) {
    let place = tempfile::tempdir().unwrap();
    assert!(bomb.len() < 12 << 20, "{}", bomb.len());
    std::fs::write(place.path().join(name), bomb).unwrap();
    let began = std::time::Instant::now();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_fix502"))
        .current_dir(place.path())
        .args(["triage", name, "--ci"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut most_kib = 0_u64;
    let status = loop {
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak_kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        most_kib = most_kib.max(peak_kib.unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    let mut stderr = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{name}: {stderr}");
    assert!(stderr.contains(why), "{name}: {stderr}");
    assert!((1..96 << 10).contains(&most_kib), "{name}: {most_kib} KiB");
    assert!(began.elapsed() < std::time::Duration::from_mins(2));
    let left: Vec<_> = std::fs::read_dir(place.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
}
