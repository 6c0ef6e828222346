//! The bodies of `*_by_lua_block`: Lua is not read, only skipped up to the brace that ends it.

use super::Lexer;

impl Lexer<'_> {
    /// Skips the body of a Lua block, whose `{` was just read. False when its `}` is missing.
    pub(in super::super) fn skip_lua(&mut self) -> bool {
        let mut depth = 1_usize;
        // A long bracket without an end is not looked for twice: that would take quadratic time.
        let mut endless: Vec<usize> = Vec::new();
        // Neither is the end of a string that is not closed on its line: the quote, and where the line ends.
        let mut open: Option<(u8, usize)> = None;
        while let Some(&byte) = self.bytes.get(self.at) {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let length = match byte {
                b'{' => {
                    depth = depth.saturating_add(1);
                    1
                }
                b'}' => {
                    depth = depth.saturating_sub(1);
                    1
                }
                b'"' | b'\'' if open.is_some_and(|(quote, end)| quote == byte && self.at < end) => 1,
                b'"' | b'\'' => match lua_string(rest, byte) {
                    Ok(length) => length,
                    Err(line_end) => {
                        open = Some((byte, self.at.saturating_add(line_end)));
                        1
                    }
                },
                b'[' => lua_long(rest, &mut endless).unwrap_or(1),
                b'-' if rest.get(1) == Some(&b'-') => rest
                    .get(2..)
                    .and_then(|rest| lua_long(rest, &mut endless))
                    .map_or_else(
                        || rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
                        |length| length.saturating_add(2),
                    ),
                _ => 1,
            };
            self.at = self.at.saturating_add(length).min(self.bytes.len());
            if depth == 0 {
                self.window_end = self.at;
                return true;
            }
        }
        self.window_end = self.at;
        false
    }
}

/// The length of a quoted Lua string at the start of `rest`, or that of the line when it is not closed there.
fn lua_string(rest: &[u8], quote: u8) -> Result<usize, usize> {
    let mut escaped = false;
    for (index, byte) in rest.iter().enumerate().skip(1) {
        match *byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\n' => return Err(index),
            byte if byte == quote => return Ok(index.saturating_add(1)),
            _ => {}
        }
    }
    Err(rest.len())
}

/// The length of a Lua long bracket (`[[ ]]`, `[==[ ]==]`) at the start of `rest`.
fn lua_long(rest: &[u8], endless: &mut Vec<usize>) -> Option<usize> {
    let after = rest.strip_prefix(b"[")?;
    let level = after.iter().take_while(|byte| **byte == b'=').count();
    if after.get(level) != Some(&b'[') || endless.contains(&level) {
        return None;
    }
    let mut close = vec![b']'];
    close.extend(std::iter::repeat_n(b'=', level));
    close.push(b']');
    let Some(found) = rest
        .windows(close.len())
        .position(|window| window == close.as_slice())
    else {
        endless.push(level);
        return None;
    };
    Some(found.saturating_add(close.len()))
}
