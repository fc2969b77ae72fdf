//! A filter that skips lines of other tasks without parsing them.
//!
//! Parsing a line costs a microsecond, searching it for a string a few dozen
//! nanoseconds. `history --task` on a long file therefore parses only lines
//! that contain the task's name, or an escape that may spell it: JSON can write
//! any character as `\uXXXX`. The filter never drops a line of the task, so the
//! result is the same as after parsing every line.

use memchr::memmem::Finder;

/// Tells which lines may belong to a task.
#[derive(Debug)]
pub(crate) struct TaskFilter {
    value: Finder<'static>,
    /// The value may be a JSON number, which has no quotes around it.
    is_number: bool,
    /// An escape that may spell a part of the name.
    escape: Finder<'static>,
}

impl TaskFilter {
    pub(crate) fn new(task: &str) -> Self {
        let is_number = !task.is_empty()
            && task
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        let value = match is_number {
            true => task.to_owned(),
            false => format!("\"{task}\""),
        };
        let escape = if task.contains('\u{fffd}') {
            // Replaces invalid UTF-8, which has many spellings: matches all lines.
            ""
        } else if task.contains(|c: char| c < ' ' || "\"\\/".contains(c)) {
            // These have an escape without a `u`, as in `\/`.
            "\\"
        } else {
            "\\u"
        };
        Self {
            value: Finder::new(&value).into_owned(),
            is_number,
            escape: Finder::new(escape).into_owned(),
        }
    }

    /// Returns false if the line is certainly not an update of the task.
    pub(crate) fn may_match(&self, line: &[u8]) -> bool {
        self.has_value(line) || self.escape.find(line).is_some()
    }

    fn has_value(&self, line: &[u8]) -> bool {
        if !self.is_number {
            return self.value.find(line).is_some();
        }
        // Every timestamp is full of digits: a longer number is not a match.
        let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        self.value.find_iter(line).any(|start| {
            let end = start + self.value.needle().len();
            !is_digit(line[..start].last()) && !is_digit(line.get(end))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_task_may_match() {
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
                TaskFilter::new(task).may_match(line.as_bytes()),
                "{task} {line}"
            );
        }
    }

    #[test]
    fn lines_of_other_tasks_do_not_match() {
        for (task, line) in [
            (
                "task7",
                r#"{"task_id":"task77","message":"task7 \"x\" \n"}"#,
            ),
            ("160", r#"{"task_id":1600,"message":"x"}"#),
            ("160", r#"{"timestamp":"2160-01-01T00:00:00Z"}"#),
        ] {
            assert!(
                !TaskFilter::new(task).may_match(line.as_bytes()),
                "{task} {line}"
            );
        }
    }
}
