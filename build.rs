//! Links the unwinder into release builds for GNU/Linux instead of loading it.
//!
//! Rust asks for `libgcc_s.so`, which a program that aborts on panic uses only
//! for backtraces. To find, map and relocate that library takes 0.13 ms, a
//! seventh of a push. The linker is given a `libgcc_s.so` of two words that
//! leads it to the static library of the same compiler; where there is none,
//! nothing changes.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |variable: &str, value: &str| env::var(variable).is_ok_and(|found| found == value);
    let native = env::var("HOST").is_ok_and(|host| is("TARGET", &host));
    if !(native
        && is("PROFILE", "release")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu"))
    {
        return;
    }
    let Some(unwinder) = static_library("libgcc_eh.a") else {
        return;
    };
    let Some(helpers) = static_library("libgcc.a") else {
        return;
    };
    let Ok(directory) = env::var("OUT_DIR") else {
        return;
    };
    let script = format!("INPUT ( {unwinder} {helpers} )\n");
    if fs::write(Path::new(&directory).join("libgcc_s.so"), script).is_ok() {
        println!("cargo::rustc-link-arg-bins=-L{directory}");
    }
}

/// Where the compiler that links keeps a library; it names a path only if it
/// has it.
fn static_library(name: &str) -> Option<String> {
    let output = Command::new("cc")
        .arg(format!("-print-file-name={name}"))
        .output()
        .ok()?;
    let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    (Path::new(&path).is_absolute() && path.chars().all(plain)).then_some(path)
}
