//! `sstat watch`.
