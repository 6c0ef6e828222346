//! Archives that anybody may have sent, unpacked into memory: gzip, tar, tar.gz and zip.
//!
//! No name in them is ever used as a path, links are not followed, and everything has a limit: the size of one
//! file, of all together, the number of entries, and how much longer the content may be than the archive.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder};
use tar::{Archive, EntryType};

/// All that is read in one run, at the most.
pub const TOTAL_CAP_BYTES: u64 = 512 << 20;
/// All that is kept of what comes out of the archives of one run, at the most: it is held in memory.
pub(super) const UNPACKED_CAP_BYTES: u64 = 48 << 20;
/// All that goes by while one archive is unpacked, at the most: it costs time, and no memory.
const STREAM_CAP_BYTES: u64 = 512 << 20;
/// By so many bytes a file is known for text or not.
const HEAD_BYTES: u64 = 4_096;
/// Entries of one archive, at the most.
const ENTRY_CAP: usize = 10_000;
/// Beyond this size the content may be this many times as long as the archive, at the most.
const RATIO_FROM_BYTES: u64 = 32 << 20;
const RATIO_CAP: u64 = 200;

/// What came out of an archive.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    /// Names as they stand in the archive, and contents.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// What was left out, with the reason.
    pub(super) left_out: Vec<(String, String)>,
}

/// Unpacks an archive; `None` when it is none. `left` is what may still come out in this run.
pub(super) fn unpack(name: &str, bytes: &[u8], left: &mut u64) -> Option<Unpacked> {
    if bytes.starts_with(&[0x1F, 0x8B]) {
        return Some(gzip(name, bytes, left));
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        let mut out = Unpacked::default();
        if zip(name, bytes, left, &mut out).is_none() {
            out.left_out
                .push((name.to_owned(), "the zip archive is damaged".to_owned()));
        }
        return Some(out);
    }
    is_tar(bytes).then(|| tar(name, bytes, u64::MAX, left))
}

/// The beginning of a file as text: unpacked, when it is packed by gzip.
pub(super) fn beginning(head: &[u8]) -> Vec<u8> {
    if !head.starts_with(&[0x1F, 0x8B]) {
        return head.to_vec();
    }
    let mut content = Vec::new();
    // The head ends in the middle of the packed bytes; what came out until there is enough.
    let _ = MultiGzDecoder::new(head).take(256 * 1024).read_to_end(&mut content);
    content
}

fn is_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

/// What may come out of a packed file of this length.
fn cap(bytes: usize) -> u64 {
    (bytes as u64)
        .saturating_mul(RATIO_CAP)
        .clamp(RATIO_FROM_BYTES, STREAM_CAP_BYTES)
}

/// Says that a file is left out because it is longer than this.
fn longer(limit: u64) -> String {
    format!("unpacked it is longer than {} MiB", limit >> 20)
}

/// How the reading of one packed file ended.
enum Content {
    /// All of it; the error says why it ends in the middle.
    Whole(Vec<u8>, Option<std::io::Error>),
    /// It is of no use, and was not kept.
    LeftOut(String),
}

/// Reads a file of at most `limit` bytes. What is no text is not kept: it is a bomb more often than a log.
fn content(mut reader: impl Read, limit: u64) -> Content {
    let mut content = Vec::new();
    let mut read = (&mut reader).take(HEAD_BYTES).read_to_end(&mut content);
    if super::is_binary(&content) && !is_packed(&content) {
        return Content::LeftOut("it is no text".to_owned());
    }
    if read.is_ok() {
        let rest = limit.saturating_add(1).saturating_sub(content.len() as u64);
        read = reader.take(rest).read_to_end(&mut content);
    }
    if content.len() as u64 > limit {
        return Content::LeftOut(longer(limit));
    }
    Content::Whole(content, read.err())
}

fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1F, 0x8B]) || bytes.starts_with(b"PK") || is_tar(bytes)
}

fn gzip(name: &str, bytes: &[u8], left: &mut u64) -> Unpacked {
    let mut out = Unpacked::default();
    let mut reader = MultiGzDecoder::new(bytes);
    let mut head = Vec::new();
    let begun = (&mut reader).take(512).read_to_end(&mut head);
    if is_tar(&head) {
        return tar(name, head.chain(reader), cap(bytes.len()), left);
    }
    let limit = cap(bytes.len()).min(*left);
    let whole = match begun {
        Ok(_) => content(head.chain(reader), limit),
        Err(error) => Content::Whole(head, Some(error)),
    };
    match whole {
        Content::LeftOut(why) => out.left_out.push((name.to_owned(), why)),
        Content::Whole(content, Some(error)) if content.is_empty() => out
            .left_out
            .push((name.to_owned(), format!("it cannot be unpacked: {error}"))),
        Content::Whole(content, error) => {
            // A log that is still written to, or was cut on its way, is of use as far as it goes.
            if error.is_some() {
                out.left_out.push((
                    name.to_owned(),
                    "it ends in the middle; what stands before that was read".to_owned(),
                ));
            }
            *left = left.saturating_sub(content.len() as u64);
            out.files.push((name.trim_end_matches(".gz").to_owned(), content));
        }
    }
    out
}

/// Reads an archive as it comes; `cap_bytes`: what may go by.
fn tar(name: &str, reader: impl Read, cap_bytes: u64, left: &mut u64) -> Unpacked {
    let mut out = Unpacked::default();
    let mut archive = Archive::new(reader.take(cap_bytes));
    let entries = match archive.entries() {
        // Raw entries: extension headers would be read into memory as a whole, whatever length they claim.
        Ok(entries) => entries.raw(true),
        Err(error) => {
            out.left_out
                .push((name.to_owned(), format!("it cannot be unpacked: {error}")));
            return out;
        }
    };
    let mut passed = 0_u64;
    for (index, entry) in entries.enumerate() {
        if index >= ENTRY_CAP {
            out.left_out.push((
                name.to_owned(),
                format!("only its first {ENTRY_CAP} entries were read"),
            ));
            break;
        }
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(_) if passed >= cap_bytes => {
                out.left_out.push((name.to_owned(), longer(cap_bytes)));
                break;
            }
            Err(error) => {
                out.left_out
                    .push((name.to_owned(), format!("it ends in the middle: {error}")));
                break;
            }
        };
        passed = passed.saturating_add(entry.size());
        let shown = String::from_utf8_lossy(&entry.path_bytes())
            .chars()
            .take(200)
            .collect::<String>();
        let inner = format!("{name}/{}", shown.trim_start_matches("./"));
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            EntryType::Directory
            | EntryType::XHeader
            | EntryType::XGlobalHeader
            | EntryType::GNULongName
            | EntryType::GNULongLink => continue,
            _ => {
                out.left_out
                    .push((inner, "a link or a device, not a file".to_owned()));
                continue;
            }
        }
        if entry.size() > *left {
            out.left_out.push((inner, longer(*left)));
            continue;
        }
        match content(&mut entry, *left) {
            Content::LeftOut(why) => out.left_out.push((inner, why)),
            Content::Whole(_, Some(_)) => {
                out.left_out.push((inner, "it cannot be read".to_owned()));
                break;
            }
            Content::Whole(content, None) => {
                *left = left.saturating_sub(content.len() as u64);
                out.files.push((inner, content));
            }
        }
    }
    out
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    field.iter().rev().try_fold(0_usize, |value, byte| {
        value.checked_mul(256)?.checked_add(usize::from(*byte))
    })
}

/// Reads the central directory, which says what the archive holds; data before or between is ignored.
fn zip(name: &str, bytes: &[u8], left: &mut u64, out: &mut Unpacked) -> Option<()> {
    let tail = bytes.len().saturating_sub(65_557);
    let end = bytes
        .get(tail..)?
        .windows(4)
        .rposition(|window| window == b"PK\x05\x06")?
        .checked_add(tail)?;
    let count = number(bytes, end.checked_add(10)?, 2)?;
    let mut at = number(bytes, end.checked_add(16)?, 4)?;
    for index in 0..count {
        if index >= ENTRY_CAP {
            out.left_out.push((
                name.to_owned(),
                format!("only its first {ENTRY_CAP} entries were read"),
            ));
            break;
        }
        if bytes.get(at..at.checked_add(4)?)? != b"PK\x01\x02" {
            return None;
        }
        let flags = number(bytes, at.checked_add(8)?, 2)?;
        let method = number(bytes, at.checked_add(10)?, 2)?;
        let packed = number(bytes, at.checked_add(20)?, 4)?;
        let [name_length, extra, comment] =
            [28, 30, 32].map(|field| at.checked_add(field).and_then(|at| number(bytes, at, 2)));
        let (name_length, extra, comment) = (name_length?, extra?, comment?);
        let local = number(bytes, at.checked_add(42)?, 4)?;
        let name_at = at.checked_add(46)?;
        let shown = String::from_utf8_lossy(bytes.get(name_at..name_at.checked_add(name_length)?)?)
            .chars()
            .take(200)
            .collect::<String>();
        at = name_at
            .checked_add(name_length)?
            .checked_add(extra)?
            .checked_add(comment)?;
        if shown.ends_with('/') {
            continue;
        }
        let inner = format!("{name}/{shown}");
        if flags & 1 != 0 {
            out.left_out.push((inner, "it is encrypted".to_owned()));
            continue;
        }
        let data_at = local
            .checked_add(30)?
            .checked_add(number(bytes, local.checked_add(26)?, 2)?)?
            .checked_add(number(bytes, local.checked_add(28)?, 2)?)?;
        let Some(data) = data_at.checked_add(packed).and_then(|to| bytes.get(data_at..to)) else {
            out.left_out.push((inner, "it ends in the middle".to_owned()));
            continue;
        };
        let limit = cap(data.len()).min(*left);
        let whole = match method {
            0 => content(data, limit),
            8 => content(DeflateDecoder::new(data), limit),
            _ => {
                out.left_out
                    .push((inner, format!("compression {method} is not known")));
                continue;
            }
        };
        let content = match whole {
            Content::Whole(content, None) => content,
            Content::Whole(_, Some(_)) => {
                out.left_out.push((inner, "it cannot be unpacked".to_owned()));
                continue;
            }
            Content::LeftOut(why) => {
                out.left_out.push((inner, why));
                continue;
            }
        };
        *left = left.saturating_sub(content.len() as u64);
        out.files.push((inner, content));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder};
    use proptest::prelude::*;

    use super::*;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    /// A zip archive with one entry, as the format has it.
    fn zipped(name: &str, content: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("memory");
        let data = encoder.finish().expect("memory");
        let two = |value: usize| u16::try_from(value).expect("small").to_le_bytes();
        let four = |value: usize| u32::try_from(value).expect("small").to_le_bytes();
        let mut out = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0".to_vec();
        out.extend(four(data.len()));
        out.extend(four(content.len()));
        out.extend(two(name.len()));
        out.extend(two(0));
        out.extend(name.as_bytes());
        out.extend(&data);
        let directory = out.len();
        out.extend(b"PK\x01\x02\x14\0\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0");
        out.extend(four(data.len()));
        out.extend(four(content.len()));
        out.extend(two(name.len()));
        out.extend([0; 16]);
        let _ = out.split_off(directory + 42);
        out.extend(four(0));
        out.extend(name.as_bytes());
        let length = out.len() - directory;
        out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
        out.extend(four(length));
        out.extend(four(directory));
        out.extend(two(0));
        out
    }

    #[test]
    fn a_zip_archive_is_unpacked() {
        let mut left = TOTAL_CAP_BYTES;
        let out = unpack("t.zip", &zipped("logs/error.log", b"hello"), &mut left).expect("an archive");
        assert_eq!(
            out.files,
            [("t.zip/logs/error.log".to_owned(), b"hello".to_vec())]
        );
        assert!(out.left_out.is_empty());
    }

    #[test]
    fn a_tar_with_a_link_gives_its_files_and_names_the_link() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o644);
        builder.append_data(&mut header, "a.log", &b"ok"[..]).expect("memory");
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(EntryType::Symlink);
        link.set_size(0);
        builder.append_link(&mut link, "evil", "/etc/shadow").expect("memory");
        let bytes = gz(&builder.into_inner().expect("memory"));
        let mut left = TOTAL_CAP_BYTES;
        let out = unpack("t.tgz", &bytes, &mut left).expect("an archive");
        assert_eq!(out.files, [("t.tgz/a.log".to_owned(), b"ok".to_vec())]);
        assert_eq!(out.left_out.len(), 1);
    }

    #[test]
    fn a_bomb_is_left_out() {
        let zeros = gz(&vec![0_u8; 64 << 20]);
        let out = unpack("zeros.gz", &zeros, &mut TOTAL_CAP_BYTES.clone()).expect("an archive");
        assert_eq!(out.left_out[0].1, "it is no text");
        let bomb = gz(&vec![b'x'; 64 << 20]);
        assert!(bomb.len() < 128 * 1024);
        let mut left = TOTAL_CAP_BYTES;
        let out = unpack("bomb.gz", &bomb, &mut left).expect("an archive");
        assert!(out.files.is_empty());
        assert!(out.left_out[0].1.contains("longer than"), "{:?}", out.left_out);
        let bomb = zipped("bomb", &vec![b'x'; 64 << 20]);
        let out = unpack("bomb.zip", &bomb, &mut left).expect("an archive");
        assert!(out.files.is_empty());
    }

    #[test]
    fn half_an_archive_gives_what_stands_before() {
        let text = "line of a log\n".repeat(10_000);
        let whole = gz(text.as_bytes());
        let mut left = TOTAL_CAP_BYTES;
        let out = unpack("error.log.gz", &whole[..whole.len() - 20], &mut left).expect("an archive");
        assert_eq!(out.files.len(), 1);
        assert!(out.left_out[0].1.contains("middle"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for head in [&b"PK\x03\x04"[..], b"PK\x05\x06", &[0x1F, 0x8B], b""] {
                let mut input = head.to_vec();
                input.extend(&bytes);
                input.extend(b"PK\x05\x06");
                input.extend(&bytes);
                let _ = unpack("x", &input, &mut 1_000_000);
            }
        }
    }
}
