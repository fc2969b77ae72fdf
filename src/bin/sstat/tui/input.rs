//! Decodes the terminal's input.
//!
//! crossterm's event reader is not used: it blocks in the middle of a paste, and
//! reads the rest of a burst of 1 KiB or more only after the next key.

/// A key that may have an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Control(char),
    Enter,
    Backspace,
    Esc,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Key(Key),
    Paste(String),
}

/// The sequences around a bracketed paste.
const PASTE_START: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// The maximum size of a paste. The rest is dropped.
const MAX_PASTE: usize = 64 * 1024;

/// Input that is not decoded yet.
#[derive(Default)]
pub struct Decoder {
    bytes: Vec<u8>,
}

impl Decoder {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        if self.is_in_paste() && self.bytes.len() > MAX_PASTE + PASTE_END.len() {
            self.bytes
                .drain(MAX_PASTE..self.bytes.len() - PASTE_END.len());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns whether the end of a paste is missing.
    pub fn is_in_paste(&self) -> bool {
        self.bytes.starts_with(PASTE_START) && find(&self.bytes, PASTE_END).is_none()
    }

    /// Takes the next key or paste. An incomplete sequence stays, except with
    /// `is_final`, which says that its rest did not come in time.
    pub fn take(&mut self, is_final: bool) -> Option<Input> {
        loop {
            let (length, input) = match decode(&self.bytes) {
                Some(decoded) => decoded,
                None if is_final && !self.bytes.is_empty() && !self.is_in_paste() => {
                    match self.bytes[..] {
                        [0x1b] => (1, Some(Input::Key(Key::Esc))),
                        _ => (self.bytes.len(), None),
                    }
                }
                None => return None,
            };
            self.bytes.drain(..length);
            if input.is_some() {
                return input;
            }
        }
    }
}

/// Decodes the first key or paste, and returns its length. Keys without an action
/// are `None`. Returns `None` if the bytes are incomplete.
fn decode(bytes: &[u8]) -> Option<(usize, Option<Input>)> {
    let key = |length, key| Some((length, Some(Input::Key(key))));
    match *bytes.first()? {
        0x1b => match *bytes.get(1)? {
            b'[' => decode_csi(bytes),
            b'O' => Some((3, direction(*bytes.get(2)?).map(Input::Key))),
            0x1b => key(1, Key::Esc),
            // Alt and a key.
            _ => decode(&bytes[1..]).map(|(length, _)| (1 + length, None)),
        },
        b'\r' => key(1, Key::Enter),
        0x7f => key(1, Key::Backspace),
        byte @ 1..=26 => key(1, Key::Control(char::from(b'a' + byte - 1))),
        0..0x20 => Some((1, None)),
        _ => {
            let start = &bytes[..bytes.len().min(4)];
            let valid = match std::str::from_utf8(start) {
                Ok(text) => text,
                Err(error) if error.valid_up_to() == 0 => {
                    return error.error_len().map(|length| (length, None));
                }
                Err(error) => std::str::from_utf8(&start[..error.valid_up_to()]).ok()?,
            };
            let c = valid.chars().next()?;
            key(c.len_utf8(), Key::Char(c))
        }
    }
}

/// Decodes `ESC [ PARAMETERS FINAL`.
fn decode_csi(bytes: &[u8]) -> Option<(usize, Option<Input>)> {
    if bytes.starts_with(PASTE_START) {
        let end = find(bytes, PASTE_END)?;
        let text = String::from_utf8_lossy(&bytes[PASTE_START.len()..end]);
        return Some((end + PASTE_END.len(), Some(Input::Paste(text.into_owned()))));
    }
    let parameters = bytes[2..]
        .iter()
        .take_while(|byte| (0x20..0x40).contains(*byte));
    let end = 2 + parameters.count();
    let last = *bytes.get(end)?;
    if !(0x40..0x7f).contains(&last) {
        return Some((end, None));
    }
    let parameters = std::str::from_utf8(&bytes[2..end]).ok()?;
    let (number, modifiers) = parameters.split_once(';').unwrap_or((parameters, "1"));
    let key = match (number, last) {
        // With Alt or Control.
        _ if !matches!(modifiers, "1" | "2") => None,
        ("1" | "7", b'~') => Some(Key::Home),
        ("4" | "8", b'~') => Some(Key::End),
        ("5", b'~') => Some(Key::PageUp),
        ("6", b'~') => Some(Key::PageDown),
        (_, last) => direction(last),
    };
    Some((end + 1, key.map(Input::Key)))
}

fn direction(last: u8) -> Option<Key> {
    Some(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        _ => return None,
    })
}

fn find(bytes: &[u8], sequence: &[u8]) -> Option<usize> {
    bytes
        .windows(sequence.len())
        .position(|window| window == sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(chunks: &[&[u8]]) -> Vec<Input> {
        let mut decoder = Decoder::default();
        let mut inputs = Vec::new();
        for chunk in chunks {
            decoder.push(chunk);
            inputs.extend(std::iter::from_fn(|| decoder.take(false)));
        }
        inputs.extend(std::iter::from_fn(|| decoder.take(true)));
        inputs
    }

    #[test]
    fn key_is_decoded() {
        for (bytes, key) in [
            (&b"q"[..], Key::Char('q')),
            ("日".as_bytes(), Key::Char('日')),
            (b"\r", Key::Enter),
            (b"\x7f", Key::Backspace),
            (b"\x03", Key::Control('c')),
            (b"\x1b", Key::Esc),
            (b"\x1b[A", Key::Up),
            (b"\x1bOB", Key::Down),
            (b"\x1b[1;2D", Key::Left),
            (b"\x1b[1~", Key::Home),
            (b"\x1b[F", Key::End),
            (b"\x1b[5~", Key::PageUp),
        ] {
            assert_eq!(decoded(&[bytes]), [Input::Key(key)], "{bytes:?}");
            let bytes: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(decoded(&bytes), [Input::Key(key)], "{bytes:?}");
        }
    }

    #[test]
    fn key_without_an_action_is_skipped() {
        for bytes in [
            &b"\x1bq"[..],
            b"\x1b[3~",
            b"\x1b[1;5A",
            b"\x1b[I",
            b"\x1bOP",
            b"\x1b[1;",
            b"\x1b[1\x1b[3~",
            b"\xff",
            b"\0",
        ] {
            let inputs = decoded(&[bytes, b"G"]);
            assert!(!inputs.contains(&Input::Key(Key::Char('q'))), "{bytes:?}");
            assert_eq!(decoded(&[bytes]), [], "{bytes:?}");
        }
    }

    #[test]
    fn paste_is_never_a_key() {
        let text = "q\n\x1b[A\u{e9}G/".repeat(300);
        let bytes = format!("j\x1b[200~{text}\x1b[201~k");
        let expected = [
            Input::Key(Key::Char('j')),
            Input::Paste(text),
            Input::Key(Key::Char('k')),
        ];
        for size in [1, 7, 1024, 10_000] {
            let chunks: Vec<&[u8]> = bytes.as_bytes().chunks(size).collect();
            assert_eq!(decoded(&chunks), expected, "{size}");
        }
        assert_eq!(decoded(&[b"\x1b[200~q"]), [], "a paste without an end");
    }

    #[test]
    fn paste_has_a_maximum_size() {
        let mut decoder = Decoder::default();
        decoder.push(PASTE_START);
        for _ in 0..100 {
            decoder.push(&[b'x'; 4096]);
            assert_eq!(decoder.take(true), None);
        }
        decoder.push(b"\x1b[20");
        decoder.push(b"1~j");
        let Some(Input::Paste(text)) = decoder.take(false) else {
            panic!("no paste");
        };
        assert!(text.len() <= MAX_PASTE);
        assert_eq!(decoder.take(false), Some(Input::Key(Key::Char('j'))));
    }
}
