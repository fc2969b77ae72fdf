//! Finding the status directory: named, in the project, or the user's own.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::directory::project_names;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::append::Durability;
use crate::store::open::{create_directory, refused, sync_directory};

/// The directory that is searched for from the current directory up.
const PROJECT_DIRECTORY: &str = "data/session_status";

/// The rule by which a directory was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The caller named it.
    Named,
    /// The variable `SSTAT_DIR` names it.
    Environment,
    /// The variable `SSTAT_DIR` names several, and this is the first.
    FirstOfEnvironment,
    /// It is the nearest `data/session_status` in the current directory or a
    /// parent.
    Project,
    /// It is in the user's state directory, because nothing else applies.
    UserState,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Named => "named by --dir",
            Self::Environment => "named by SSTAT_DIR",
            Self::FirstOfEnvironment => "the first that SSTAT_DIR names",
            Self::Project if cfg!(windows) => {
                "the nearest data/session_status; its owner is not checked on Windows"
            }
            Self::Project => "the nearest data/session_status",
            Self::UserState => {
                "the default without --dir, SSTAT_DIR and data/session_status in a parent directory"
            }
        })
    }
}

/// A store and the rule by which it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location {
    /// The store.
    pub store: Store,
    /// The rule.
    pub origin: Origin,
}

impl Location {
    /// Returns the first that applies: `named`, `variable` (the value of
    /// `SSTAT_DIR`; empty counts as unset), the nearest `data/session_status`
    /// in the current directory or a parent, the user's state directory.
    ///
    /// The search includes the home directory but not its parents, and stops at
    /// mount points. As in git since CVE-2022-24765, a directory that it finds
    /// and that belongs neither to the user nor to root is refused: another
    /// user could create `/tmp/data/session_status` to show false statuses to
    /// anyone who works below `/tmp`.
    ///
    /// For root, directories of `sudo_uid` (the value of `SUDO_UID`) are accepted
    /// too.
    ///
    /// In a named path, a leading `~/` is expanded and a literal `$NAME` is an
    /// error, because both result from quoting mistakes.
    ///
    /// If `variable` is a list, as in `PATH`, the first entry applies.
    ///
    /// # Errors
    /// [`Error::Ownership`] for such a directory, [`Error::Unexpanded`] for a
    /// `$NAME`, [`Error::NoCurrentDirectory`] if the current directory has been
    /// removed and is needed, [`Error::NoDirectory`] if the user has no home
    /// directory.
    pub fn find(
        named: Option<PathBuf>,
        variable: Option<OsString>,
        sudo_uid: Option<u32>,
    ) -> Result<Self> {
        if let Some(path) = named {
            return Ok(Self::new(absolute(path)?, Origin::Named));
        }
        let mut listed = listed(variable.unwrap_or_default()).into_iter();
        if let Some(first) = listed.next() {
            let origin = match listed.next() {
                Some(_) => Origin::FirstOfEnvironment,
                None => Origin::Environment,
            };
            return Ok(Self::new(absolute(first)?, origin));
        }
        let user = directories::BaseDirs::new();
        match std::env::current_dir() {
            Ok(current) => {
                // With links resolved, as Unix spells the current directory.
                let home = user.as_ref().map(|user| resolve(user.home_dir()));
                if let Some(found) = search_up(&current, home.as_deref()) {
                    check_owner(&found, sudo_uid)?;
                    return Ok(Self::new(found, Origin::Project));
                }
            }
            // It may have been in a project.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NoCurrentDirectory);
            }
            Err(_) => {}
        }
        let user = user.ok_or(Error::NoDirectory)?;
        let state = user.state_dir().unwrap_or_else(|| user.data_local_dir());
        Ok(Self::new(
            state.join("sstat").join("session_status"),
            Origin::UserState,
        ))
    }

    /// Returns the locations of all directories that are named, each once, or else
    /// the one that [`find`](Self::find) returns. Several have a
    /// [project](crate::StatusDirectory::project).
    ///
    /// `variable` is a list, as in `PATH`, unless a directory with this name exists.
    ///
    /// # Errors
    /// Those of [`find`](Self::find).
    pub fn find_all(
        named: Vec<PathBuf>,
        variable: Option<OsString>,
        sudo_uid: Option<u32>,
    ) -> Result<Vec<Self>> {
        let (paths, origin) = match named.is_empty() {
            true => (listed(variable.unwrap_or_default()), Origin::Environment),
            false => (named, Origin::Named),
        };
        if paths.is_empty() {
            return Ok(vec![Self::find(None, None, sudo_uid)?]);
        }
        let mut seen = HashSet::new();
        let mut directories = Vec::new();
        for path in paths {
            let path = absolute(path)?;
            if seen.insert(resolve(&path)) {
                directories.push(path);
            }
        }
        let projects = match directories.len() {
            1 => vec![None],
            _ => project_names(&directories).into_iter().map(Some).collect(),
        };
        let locations = directories
            .into_iter()
            .zip(projects)
            .map(|(path, project)| {
                let store = Store::of_project(path, project);
                Self { store, origin }
            });
        Ok(locations.collect())
    }

    /// Creates the directory and its parents if they are missing. In the user's
    /// state directory, only the user can access them (mode 0700). Those that
    /// root creates belong to the owner of the directory above.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create(&self, durability: Durability) -> Result<()> {
        let path = self.store.path();
        let missing: Vec<&Path> = path
            .ancestors()
            .take_while(|directory| !directory.is_dir())
            .collect();
        for directory in missing.into_iter().rev() {
            match create_directory(directory, self.origin == Origin::UserState) {
                // Another push creates it at the same time.
                Err(_) if directory.is_dir() => {}
                // A file has its name.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let error = io::ErrorKind::NotADirectory.into();
                    return Err(Error::io("create", path)(error));
                }
                created => created.map_err(|error| refused(error, "create", path))?,
            }
            if durability == Durability::Synced
                && let Some(parent) = directory.parent()
            {
                sync_directory(parent)?;
            }
        }
        Ok(())
    }

    fn new(path: PathBuf, origin: Origin) -> Self {
        Self {
            store: Store::new(path),
            origin,
        }
    }
}

/// Returns the directories that a value of `SSTAT_DIR` names.
fn listed(variable: OsString) -> Vec<PathBuf> {
    let entries = std::env::split_paths(&variable).filter(|path| !path.as_os_str().is_empty());
    let entries: Vec<PathBuf> = entries.collect();
    let is_one = *entries == [Path::new(&variable)];
    if is_one
        || (!variable.is_empty()
            && expanded(Path::new(&variable)).is_some_and(|path| path.is_dir()))
    {
        return vec![variable.into()];
    }
    entries
}

/// Returns the absolute path of a directory that the user named. Messages show it: a
/// relative one does not tell where it is.
fn absolute(given: PathBuf) -> Result<PathBuf> {
    let path = expanded(&given).ok_or(Error::NoDirectory)?;
    if let Some(variable) = variable_in(&given.to_string_lossy())
        && !path.is_dir()
    {
        return Err(Error::Unexpanded {
            path: given,
            variable,
        });
    }
    match std::path::absolute(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NoCurrentDirectory),
        absolute => absolute.map_err(Error::io("use", &path)),
    }
}

/// Returns a path with a leading `~/` expanded; `None` if the user has no home.
fn expanded(path: &Path) -> Option<PathBuf> {
    match path.strip_prefix("~") {
        Ok(rest) => Some(directories::BaseDirs::new()?.home_dir().join(rest)),
        Err(_) => Some(path.to_path_buf()),
    }
}

/// Returns the first `$NAME` or `${NAME}` in a text, with its `$`.
fn variable_in(text: &str) -> Option<String> {
    text.match_indices('$').find_map(|(start, _)| {
        let name = text[start + 1..].trim_start_matches('{');
        let is_part = |c: char| c == '_' || c.is_ascii_alphanumeric();
        let end = name.find(|c| !is_part(c)).unwrap_or(name.len());
        let is_name = end > 0 && !name.starts_with(|c: char| c.is_ascii_digit());
        is_name.then(|| format!("${}", &name[..end]))
    })
}

fn resolve(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn search_up(current: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let file_system = device(current);
    for directory in current.ancestors() {
        // Windows lets every user create directories at the root of a drive.
        let is_shared = cfg!(windows) && directory.parent().is_none() && directory != current;
        if is_shared || device(directory) != file_system {
            return None;
        }
        let candidate = directory.join(PROJECT_DIRECTORY);
        if candidate.is_dir() {
            // With the separators of the platform.
            return Some(candidate.components().collect());
        }
        // Windows does not resolve the current directory.
        let is_home = |home| directory == home || (cfg!(windows) && resolve(directory) == home);
        if home.is_some_and(is_home) {
            return None;
        }
    }
    None
}

#[cfg(unix)]
fn device(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|metadata| metadata.dev())
}

#[cfg(not(unix))]
fn device(_path: &Path) -> Option<u64> {
    None
}

#[cfg(unix)]
fn check_owner(path: &Path, sudo_uid: Option<u32>) -> Result<()> {
    use crate::store::open::is_root;
    use std::os::unix::fs::MetadataExt;
    let owner = path.metadata().map_err(Error::io("read", path))?.uid();
    if owner == 0 || owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    // The user of sudo trusts their own directories.
    if is_root() && sudo_uid == Some(owner) {
        return Ok(());
    }
    Err(Error::Ownership {
        path: path.to_path_buf(),
        owner,
    })
}

#[cfg(not(unix))]
fn check_owner(_path: &Path, _sudo_uid: Option<u32>) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn first_rule_that_applies_decides() {
        let named = Location::find(Some("a".into()), Some("b".into()), None).unwrap();
        assert_eq!(
            (named.store.path(), named.origin),
            (std::path::absolute("a").unwrap().as_path(), Origin::Named)
        );
        let variable = Location::find(None, Some("b".into()), None).unwrap();
        assert_eq!(variable.origin, Origin::Environment);
        let empty = Location::find(None, Some("".into()), None).unwrap();
        assert_ne!(empty.origin, Origin::Environment);
    }

    #[test]
    fn search_includes_home_but_not_its_parents() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home");
        let work = home.join("project/src");
        fs::create_dir_all(&work).unwrap();
        fs::create_dir_all(root.path().join(PROJECT_DIRECTORY)).unwrap();
        assert_eq!(search_up(&work, Some(&home)), None);
        let resolved = resolve(&home);
        let work_in_resolved = if cfg!(windows) {
            work.clone()
        } else {
            resolve(&work)
        };
        assert_eq!(search_up(&work_in_resolved, Some(&resolved)), None);
        assert_eq!(
            search_up(&work, None),
            Some(root.path().join(PROJECT_DIRECTORY))
        );
        fs::create_dir_all(home.join(PROJECT_DIRECTORY)).unwrap();
        assert_eq!(
            search_up(&work, Some(&home)),
            Some(home.join(PROJECT_DIRECTORY))
        );
        fs::create_dir_all(home.join("project").join(PROJECT_DIRECTORY)).unwrap();
        assert_eq!(
            search_up(&work, Some(&home)),
            Some(home.join("project").join(PROJECT_DIRECTORY))
        );
    }
}
