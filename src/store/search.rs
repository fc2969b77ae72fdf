//! Where in a file a task may be named, found without parsing its lines.
//!
//! A line of a task holds the task's name as it is, between quotes or as a
//! bare number, or it holds an escape: JSON can write any character as
//! `\uXXXX`. Lines that hold neither are passed over at memory speed; all
//! others are parsed, so that the outcome is that of parsing every line.

use memchr::memmem::Finder;

/// Finds the lines that may belong to one task.
#[derive(Debug)]
pub(crate) struct TaskSearch {
    value: Ahead<Value>,
    escape: Ahead<Escape>,
}

impl TaskSearch {
    pub(crate) fn new(task: &str) -> Self {
        let number = !task.is_empty()
            && task
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        let text = if number {
            task.to_owned()
        } else {
            format!("\"{task}\"")
        };
        // These can be escaped without a `u`, as in `\/`.
        let special = task.contains(|c: char| c < ' ' || "\"\\/".contains(c));
        Self {
            value: Ahead::new(Value {
                finder: Finder::new(&text).into_owned(),
                number,
            }),
            escape: Ahead::new(Escape { any: special }),
        }
    }

    /// The first place in `bytes` that makes its line worth parsing. `offset`
    /// is where in the file the bytes stand; it must not go back from one call
    /// to the next, since what was searched once is not searched again.
    pub(crate) fn first(&mut self, bytes: &[u8], offset: u64) -> Option<usize> {
        let value = self.value.first(bytes, offset);
        let escape = self.escape.first(bytes, offset);
        match (value, escape) {
            (Some(value), Some(escape)) => Some(value.min(escape)),
            (value, escape) => value.or(escape),
        }
    }
}

/// Something to look for.
trait Pattern {
    /// How many bytes a match has at most, with those that are looked at
    /// around it.
    fn reach(&self) -> usize;
    fn find(&self, bytes: &[u8]) -> Option<usize>;
}

/// A pattern and how far the file has been searched for it.
#[derive(Debug)]
struct Ahead<P> {
    pattern: P,
    /// There is no match before this offset of the file.
    clear: u64,
    /// There is one at it.
    found: bool,
}

impl<P: Pattern> Ahead<P> {
    fn new(pattern: P) -> Self {
        Self {
            pattern,
            clear: 0,
            found: false,
        }
    }

    fn first(&mut self, bytes: &[u8], offset: u64) -> Option<usize> {
        let end = offset + bytes.len() as u64;
        if !self.found || self.clear < offset {
            let begin = self.clear.clamp(offset, end);
            let found = self.pattern.find(&bytes[(begin - offset) as usize..]);
            self.found = found.is_some();
            self.clear = match found {
                Some(at) => begin + at as u64,
                // One may begin here and end in the next block.
                None => begin.max(end.saturating_sub(self.pattern.reach() as u64)),
            };
        }
        (self.found && self.clear < end).then(|| (self.clear - offset) as usize)
    }
}

/// The task's name as it stands in most lines.
#[derive(Debug)]
struct Value {
    finder: Finder<'static>,
    /// It is looked for without quotes.
    number: bool,
}

impl Pattern for Value {
    fn reach(&self) -> usize {
        self.finder.needle().len() + 1
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let length = self.finder.needle().len();
        self.finder.find_iter(bytes).find(|&at| {
            // Digits stand everywhere: a value of its own is none of more.
            let alone = |byte: Option<&u8>| !byte.is_some_and(|byte| byte.is_ascii_digit());
            !self.number
                || (alone(at.checked_sub(1).and_then(|before| bytes.get(before)))
                    && alone(bytes.get(at + length)))
        })
    }
}

/// A backslash that may hide the name.
#[derive(Debug)]
struct Escape {
    /// Before any character, not only before a `u`.
    any: bool,
}

impl Pattern for Escape {
    fn reach(&self) -> usize {
        2
    }

    fn find(&self, bytes: &[u8]) -> Option<usize> {
        memchr::memchr_iter(b'\\', bytes)
            .find(|&at| self.any || bytes.get(at + 1).is_none_or(|&next| next == b'u'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_spells_the_task_is_found() {
        for (task, line) in [
            ("task7", r#"{"task_id":"task7"}"#),
            ("task7", r#"{"task_id" : "task7" }"#),
            ("task7", r#"{"task_id":"t\u0061sk7"}"#),
            ("160", r#"{"task_id":160}"#),
            ("160", r#"{"task_id": 160 }"#),
            ("160", r#"{"task_id":"160"}"#),
            ("-1", r#"{"task_id":-1}"#),
            ("1e3", r#"{"task_id":1e3}"#),
            ("3a", r#"{"task_id":"3a"}"#),
            ("a/b", r#"{"task_id":"a/b"}"#),
            ("a/b", r#"{"task_id":"a\/b"}"#),
            ("a\"b", r#"{"task_id":"a\"b"}"#),
            ("a\nb", r#"{"task_id":"a\nb"}"#),
            ("\u{fffd}", r#"{"task_id":"\ud800"}"#),
            ("", r#"{"task_id":""}"#),
            ("größe", r#"{"task_id":"größe"}"#),
        ] {
            assert!(
                TaskSearch::new(task).first(line.as_bytes(), 0).is_some(),
                "{task} {line}"
            );
        }
    }

    #[test]
    fn other_lines_are_passed_over() {
        for (task, line) in [
            (
                "task7",
                r#"{"task_id":"task77","message":"task7 \"x\" \n"}"#,
            ),
            ("160", r#"{"task_id":1600,"message":"x"}"#),
            ("160", r#"{"timestamp":"2160-01-01T00:00:00Z"}"#),
        ] {
            assert_eq!(
                TaskSearch::new(task).first(line.as_bytes(), 0),
                None,
                "{task} {line}"
            );
        }
    }

    #[test]
    fn blocks_may_cut_anywhere() {
        let text = br#"......"task7"....\u0041.."task7".."#;
        let whole = TaskSearch::new("task7").first(text, 0).unwrap();
        for block in 1..text.len() {
            let mut search = TaskSearch::new("task7");
            // What has no match in it may be dropped, but for its end.
            let mut begin = 0;
            let mut found = None;
            for end in (block..text.len() + block).step_by(block) {
                let end = end.min(text.len());
                found = search
                    .first(&text[begin..end], begin as u64)
                    .map(|at| begin + at);
                if found.is_some() {
                    break;
                }
                begin = begin.max(end.saturating_sub(10));
            }
            assert_eq!(found, Some(whole), "{block}");
        }
    }
}
