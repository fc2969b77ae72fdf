//! Which directory it is: named, found by walking up, or the user's own.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::store::Store;
use crate::store::append::Durability;
use crate::store::open::{parent, sync_directory};

/// What the walk up looks for.
const PROJECT_DIRECTORY: &str = "data/session_status";

/// Where a store's directory was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The caller named it.
    Named,
    /// The variable `SSTAT_DIR` names it.
    Environment,
    /// It is the nearest `data/session_status` of the current directory or one
    /// above it.
    Project,
    /// It is the user's own, because nothing else applies.
    UserState,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Named => "named by --dir",
            Self::Environment => "named by SSTAT_DIR",
            Self::Project => "the nearest data/session_status",
            Self::UserState => {
                "your own, as no --dir, no SSTAT_DIR and no data/session_status above applies"
            }
        })
    }
}

/// A store and why it is this one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location {
    /// The store.
    pub store: Store,
    /// Where its directory was taken from.
    pub origin: Origin,
}

impl Location {
    /// The first that applies: `named`, `variable` (the value of `SSTAT_DIR`;
    /// an empty one counts as unset), the nearest `data/session_status` from
    /// the current directory up, the user's state directory.
    ///
    /// The walk looks into the home directory but not above it, and stops at
    /// a mount boundary. As in git since CVE-2022-24765, a directory that it
    /// finds and that belongs neither to the user nor to root is refused:
    /// whoever made it could make the user believe anything.
    ///
    /// # Errors
    /// [`Error::Ownership`] for such a directory, [`Error::NoDirectory`] when
    /// the user has no home directory.
    pub fn find(named: Option<PathBuf>, variable: Option<OsString>) -> Result<Self> {
        if let Some(path) = named {
            return Ok(Self::new(path, Origin::Named));
        }
        if let Some(path) = variable.filter(|path| !path.is_empty()) {
            return Ok(Self::new(path.into(), Origin::Environment));
        }
        let user = directories::BaseDirs::new();
        if let Ok(current) = std::env::current_dir()
            && let Some(found) = walk_up(&current, home_of(user.as_ref()).as_deref())
        {
            check_owner(&found)?;
            return Ok(Self::new(found, Origin::Project));
        }
        let user = user.ok_or(Error::NoDirectory)?;
        let state = user.state_dir().unwrap_or_else(|| user.data_local_dir());
        Ok(Self::new(
            state.join("sstat").join("session_status"),
            Origin::UserState,
        ))
    }

    /// Makes the directory and those above it where they are missing: in the
    /// user's state directory for the user alone (mode 0700).
    ///
    /// # Errors
    /// What the system refused.
    pub fn create(&self, durability: Durability) -> Result<()> {
        let path = self.store.path();
        if path.is_dir() {
            return Ok(());
        }
        let above = || std::iter::successors(parent(path), |above| parent(above));
        let existing = above().find(|above| above.is_dir());
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        if self.origin == Origin::UserState {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        }
        builder.create(path).map_err(|error| {
            let error = match error.kind() {
                // What exists there is no directory.
                io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
                _ => error,
            };
            Error::io("create", path)(error)
        })?;
        if durability == Durability::Synced {
            for changed in above() {
                sync_directory(changed)?;
                if Some(changed) == existing {
                    break;
                }
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

/// The home directory as the current directory would name it, links resolved.
fn home_of(user: Option<&directories::BaseDirs>) -> Option<PathBuf> {
    let home = user?.home_dir();
    Some(home.canonicalize().unwrap_or_else(|_| home.to_path_buf()))
}

fn walk_up(current: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let file_system = device(current);
    for directory in current.ancestors() {
        if device(directory) != file_system {
            return None;
        }
        let candidate = directory.join(PROJECT_DIRECTORY);
        if candidate.is_dir() {
            return Some(candidate);
        }
        if Some(directory) == home {
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
fn check_owner(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let owner = path.metadata().map_err(Error::io("read", path))?.uid();
    if owner == 0 || owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Error::Ownership {
        path: path.to_path_buf(),
        owner,
    })
}

#[cfg(not(unix))]
fn check_owner(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_first_that_applies() {
        let named = Location::find(Some("a".into()), Some("b".into())).unwrap();
        assert_eq!(
            (named.store.path(), named.origin),
            (Path::new("a"), Origin::Named)
        );
        let variable = Location::find(None, Some("b".into())).unwrap();
        assert_eq!(variable.origin, Origin::Environment);
        let empty = Location::find(None, Some("".into())).unwrap();
        assert_ne!(empty.origin, Origin::Environment);
    }

    #[test]
    fn the_walk_looks_into_home_and_not_above() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home");
        let work = home.join("project/src");
        fs::create_dir_all(&work).unwrap();
        fs::create_dir_all(root.path().join(PROJECT_DIRECTORY)).unwrap();
        assert_eq!(walk_up(&work, Some(&home)), None);
        assert_eq!(
            walk_up(&work, None),
            Some(root.path().join(PROJECT_DIRECTORY))
        );
        fs::create_dir_all(home.join(PROJECT_DIRECTORY)).unwrap();
        assert_eq!(
            walk_up(&work, Some(&home)),
            Some(home.join(PROJECT_DIRECTORY))
        );
        fs::create_dir_all(home.join("project").join(PROJECT_DIRECTORY)).unwrap();
        assert_eq!(
            walk_up(&work, Some(&home)),
            Some(home.join("project").join(PROJECT_DIRECTORY))
        );
    }
}
