//! `sstat stale`.
