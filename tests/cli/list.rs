//! `sstat list`.
