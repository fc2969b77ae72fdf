//! The status directories of a command, and the names of their sessions.
//!
//! With one directory, a session is identified by its name. With several, it is
//! identified by its qualified name `PROJECT/NAME`. A name has no `/`, so that the
//! last one ends the project.

use std::cmp::Ordering;
use std::fmt;
use std::path::PathBuf;

use sstat::{Location, Session, Store, natural_cmp};

/// The directories that a command reads, at least one.
#[derive(Clone, Debug)]
pub struct Directories(Vec<Location>);

impl Directories {
    pub fn new(locations: Vec<Location>) -> Self {
        Self(locations)
    }

    /// Returns the directory that `push` writes to.
    pub fn first(&self) -> &Location {
        &self.0[0]
    }

    pub fn is_single(&self) -> bool {
        self.0.len() == 1
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Location> {
        self.0.iter()
    }

    pub fn paths(&self) -> Vec<PathBuf> {
        self.stores()
            .map(|store| store.path().to_path_buf())
            .collect()
    }

    pub fn store(&self, index: usize) -> &Store {
        &self.0[index].store
    }

    pub fn stores(&self) -> impl Iterator<Item = &Store> {
        self.iter().map(|location| &location.store)
    }

    /// Returns the store of the session with a qualified name, and its name there.
    pub fn find<'n>(&self, qualified: &'n str) -> (&Store, &'n str) {
        let mut stores = self.stores();
        let found = stores.find_map(|store| Some((store, name_in(store, qualified)?)));
        found.unwrap_or((&self.first().store, qualified))
    }

    /// Returns the store of a session.
    pub fn store_of(&self, session: &Session) -> &Store {
        self.find(&session.qualified_name()).0
    }

    /// Returns the directory whose project begins a name that the user gave, and the
    /// rest of the name, in which `/` may be a character that a name cannot have.
    pub fn split_given<'n>(&self, given: &'n str) -> Option<(&Location, &'n str)> {
        let in_project = |location: &'_ Location| {
            let project = location.store.directory().project()?;
            given.strip_prefix(project)?.strip_prefix('/')
        };
        let matching = self.iter().filter_map(|at| Some((at, in_project(at)?)));
        matching.min_by_key(|(_, name)| name.len())
    }

    /// Returns the qualified names of all sessions that have a file, in no
    /// particular order. Skips directories that cannot be read.
    pub fn names(&self) -> Vec<String> {
        let mut all = Vec::new();
        for store in self.stores() {
            let names = store.names().unwrap_or_default().into_iter();
            all.extend(names.map(|name| qualify(store, name)));
        }
        all
    }

    /// Returns a message about each directory that does not exist, or that has no
    /// session because it is a project, whose status directory is below.
    pub fn missing(&self) -> Vec<String> {
        let reason = |Location { store, origin, .. }: &Location| {
            let (path, directory) = (store.path(), store.directory());
            // If this fails, reading the directory fails too and gives the reason.
            if path.try_exists().is_ok_and(|exists| !exists) {
                return Some(format!(
                    "no sessions: {directory} does not exist ({origin})"
                ));
            }
            let data = [&path.join("data"), path];
            let mut below = data.into_iter().map(|data| data.join("session_status"));
            let below = below.find(|below| below.is_dir())?;
            let is_empty = store.names().is_ok_and(|names| names.is_empty());
            is_empty.then(|| {
                let below = Store::new(below);
                let below = below.directory();
                format!("no sessions in {directory} (did you mean {below}?)")
            })
        };
        self.iter().filter_map(reason).collect()
    }
}

/// Formats the path of a single directory, with invalid UTF-8 as `\xNN`, or the
/// number of several.
impl fmt::Display for Directories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            [Location { store, .. }] => store.directory().fmt(f),
            several => write!(f, "{} directories", several.len()),
        }
    }
}

/// Returns the qualified name of a store's session.
pub fn qualify(store: &Store, name: String) -> String {
    match store.directory().project() {
        Some(project) => format!("{project}/{name}"),
        None => name,
    }
}

/// Returns the name in a store of the session with a bare or qualified name;
/// `None` if that is one of another store.
pub fn name_in<'n>(store: &Store, given: &'n str) -> Option<&'n str> {
    name_in_project(store.directory().project(), given)
}

/// Returns the name in a project of the session with a bare or qualified name.
pub fn name_in_project<'n>(project: Option<&str>, given: &'n str) -> Option<&'n str> {
    match given.rsplit_once('/') {
        None => Some(given),
        Some((of, name)) => (project == Some(of)).then_some(name),
    }
}

/// Splits a qualified name into project and name. The project is empty with one
/// directory.
pub fn split(qualified: &str) -> (&str, &str) {
    qualified.rsplit_once('/').unwrap_or(("", qualified))
}

/// Returns the project and the name of a session.
pub fn parts(session: &Session) -> (&str, &str) {
    (session.project().unwrap_or_default(), session.name())
}

/// Compares projects and names: by name and then by project, so that equal names are
/// neighbours.
pub fn compare(a: (&str, &str), b: (&str, &str)) -> Ordering {
    natural_cmp(a.1, b.1).then_with(|| natural_cmp(a.0, b.0))
}
