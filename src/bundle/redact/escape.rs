//! Bytes as text and back: what is no UTF-8 travels through the rules as a character of its own.

/// Private-use characters that stand for the bytes 0x00 to 0xFF.
const FIRST: u32 = 0x10_FE00;

fn is_escape(character: char) -> bool {
    (FIRST..FIRST + 256).contains(&u32::from(character))
}

fn escaped(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// True when a text holds characters that would be mistaken for escaped bytes.
pub(super) fn holds_escapes(text: &str) -> bool {
    // All of them begin with this byte, which hardly ever occurs.
    text.as_bytes().contains(&0xF4) && text.chars().any(is_escape)
}

/// Bytes as text, reversibly.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_escape(character) {
                let mut buffer = [0; 4];
                out.extend(character.encode_utf8(&mut buffer).bytes().map(escaped));
            } else {
                out.push(character);
            }
        }
        out.extend(chunk.invalid().iter().copied().map(escaped));
    }
    out
}

/// The bytes that such a text stands for.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for character in text.chars() {
        if is_escape(character) {
            out.push(u8::try_from(u32::from(character) - FIRST).unwrap_or(b'?'));
        } else {
            let mut buffer = [0; 4];
            out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
    }
    out
}

/// How many bytes a text stands for.
pub(super) fn byte_count(text: &str) -> usize {
    text.chars()
        .map(|character| {
            if is_escape(character) {
                1
            } else {
                character.len_utf8()
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_come_back_as_they_were(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = super::text(&bytes);
            prop_assert_eq!(super::byte_count(&text), bytes.len());
            prop_assert_eq!(super::bytes(&text), bytes);
        }
    }
}
