//! `sstat show`.
