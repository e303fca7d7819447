//! Text in JSON, looked through many bytes at a time.

use super::buffer::Buffer;

/// Appends text as JSON, as serde_json has it.
pub(crate) fn write_text(buffer: &mut Buffer, text: &str) {
    buffer.extend_from_slice(b"\"");
    let mut rest = text.as_bytes();
    while let Some((plain, behind)) = rest.split_at_checked(plain_len(rest)) {
        buffer.extend_from_slice(plain);
        let Some((special, behind)) = behind.split_first() else { break };
        write_escaped(buffer, *special);
        rest = behind;
    }
    buffer.extend_from_slice(b"\"");
}

/// How many bytes there are before one that no text in JSON has as it is.
#[inline]
pub(crate) fn plain_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        if let Some(before) = first_special(*word) {
            return bytes.len() - rest.len() + before;
        }
        rest = behind;
    }
    let before = rest.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\'));
    bytes.len() - rest.len() + before.unwrap_or(rest.len())
}

/// Where in eight bytes the first one is that has to be escaped.
fn first_special(bytes: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(bytes);
    // The high bit of each byte that is below `limit`, up to the first of them; those behind it may be wrong. All
    // bytes with a high bit of their own are taken out at the end.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit));
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let special = (below(word, b' ') | equal(b'"') | equal(b'\\')) & !word & HIGH;
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
}

fn write_escaped(buffer: &mut Buffer, special: u8) {
    let short = match special {
        b'"' | b'\\' => special,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        _ => return buffer.extend_from_slice(format!("\\u{special:04x}").as_bytes()),
    };
    buffer.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn is_as_serde_json_has_it(text: &str) {
        let mut buffer = Buffer::from("before");
        write_text(&mut buffer, text);
        let expected = format!("before{}", serde_json::to_string(text).unwrap());
        assert_eq!(String::from_utf8(buffer.to_vec()).unwrap(), expected);
    }

    #[test]
    fn what_has_to_be_escaped_is_found_wherever_it_stands() {
        for special in '\0'..='\u{7f}' {
            for (before, behind) in (0..18).flat_map(|before| [(before, 0), (before, 9)]) {
                let text = format!("{}{special}{}", "é".repeat(before), "x".repeat(behind));
                is_as_serde_json_has_it(&text);
                is_as_serde_json_has_it(&format!("{text}{text}"));
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_json_has_it(text in "[\\PC\0-\u{1f}\"\\\\]{0,80}") {
            is_as_serde_json_has_it(&text);
        }
    }
}
