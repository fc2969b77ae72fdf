//! `sstat history`.
