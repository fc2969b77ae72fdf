//! `sstat push`.
