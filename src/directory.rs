//! The path of a status directory, and what distinguishes its sessions from those
//! of other directories.

use std::collections::HashSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use crate::error::printable;

/// A status directory, and the project that it belongs to if several directories
/// are read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StatusDirectory {
    path: PathBuf,
    project: Option<String>,
}

impl StatusDirectory {
    pub(crate) fn new(path: PathBuf, project: Option<String>) -> Self {
        Self { path, project }
    }

    /// Returns the path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name of the project; `None` if this is the only directory that
    /// is read.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }
}

/// Formats the path, with invalid UTF-8 as `\xNN`.
impl fmt::Display for StatusDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.path))
    }
}

/// Returns the names of the projects of several directories: the directory above
/// `data/session_status`, else the directory itself, with as many parents as
/// distinguish equal names.
pub(crate) fn project_names(directories: &[PathBuf]) -> Vec<String> {
    let parts: Vec<Vec<String>> = directories.iter().map(|path| name_parts(path)).collect();
    let mut depths = vec![1; parts.len()];
    loop {
        let last = |(parts, depth): (&Vec<String>, &usize)| {
            parts[parts.len().saturating_sub(*depth)..].join("/")
        };
        let mut names: Vec<String> = parts.iter().zip(&depths).map(last).collect();
        let mut seen = HashSet::new();
        let repeated = names.iter().filter(|name| !seen.insert(*name));
        let repeated: HashSet<String> = repeated.cloned().collect();
        let mut is_final = true;
        for (index, name) in names.iter_mut().enumerate() {
            if repeated.contains(name) && depths[index] < parts[index].len() {
                depths[index] += 1;
                is_final = false;
            } else if repeated.contains(name) {
                // `a` and `a/data/session_status`, or two drives.
                *name = printable(&directories[index]);
            }
        }
        if is_final {
            return names;
        }
    }
}

/// Returns the components of the path of a project, as text.
fn name_parts(directory: &Path) -> Vec<String> {
    let project = match directory.parent() {
        Some(data) if directory.ends_with("data/session_status") => data.parent(),
        _ => None,
    };
    let path = project
        .filter(|path| path.file_name().is_some())
        .unwrap_or(directory);
    path.components()
        .filter_map(|component| match component {
            Component::Normal(part) => Some(printable(Path::new(part))),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_has_as_many_parents_as_distinguish_it() {
        let names =
            |paths: &[&str]| project_names(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        for (paths, expected) in [
            (
                &["/h/web/data/session_status", "/h/api/data/session_status"][..],
                &["web", "api"][..],
            ),
            (&["/h/web", "/srv/status"], &["web", "status"]),
            (
                &[
                    "/work/api/data/session_status",
                    "/home/api/data/session_status",
                    "/x/web",
                ],
                &["work/api", "home/api", "web"],
            ),
            (&["/a/b/c", "/x/b/c", "/x/y/c"], &["a/b/c", "x/b/c", "y/c"]),
            (&["/c", "/b/c"], &["c", "b/c"]),
            (&["/data/session_status", "/x"], &["session_status", "x"]),
            (
                &["/a", "/a/data/session_status"],
                &["/a", "/a/data/session_status"],
            ),
        ] {
            assert_eq!(names(paths), expected, "{paths:?}");
        }
    }
}
