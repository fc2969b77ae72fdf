//! Links release builds for Linux so that they start faster. Where something
//! for it is missing, they are linked as always.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where each function lies; `link/order` writes it.
const LAYOUT: &str = "link/start.ld";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={LAYOUT}");
    let is = |variable: &str, value: &str| variable_of_cargo(variable) == value;
    if !(is("PROFILE", "release")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && env::var_os("CARGO_FEATURE_CLI").is_some())
    {
        return;
    }
    let native = is("HOST", &variable_of_cargo("TARGET"));
    if native && is("CARGO_CFG_TARGET_ENV", "gnu") {
        link_unwinder();
    }
    let same_machine =
        variable_of_cargo("HOST").starts_with(&variable_of_cargo("CARGO_CFG_TARGET_ARCH"));
    if same_machine && !has_own_linker() {
        lay_out();
        if is("CARGO_CFG_TARGET_ENV", "musl") {
            // Code and constants that share pages are fewer of them to map.
            println!("cargo::rustc-link-arg-bins=-Wl,-z,noseparate-code");
        }
    }
}

fn variable_of_cargo(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Links the unwinder in instead of loading it.
///
/// Rust asks for `libgcc_s.so`, which a program that aborts on panic uses only
/// for backtraces. To find, map and relocate that library takes 0.13 ms, a
/// seventh of a push. The linker is given a `libgcc_s.so` of two words that
/// leads it to the static library of the same compiler.
fn link_unwinder() {
    let Some(unwinder) = static_library("libgcc_eh.a") else {
        return;
    };
    let Some(helpers) = static_library("libgcc.a") else {
        return;
    };
    let directory = variable_of_cargo("OUT_DIR");
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

/// Whether somebody chose a linker, or how to link, of which nothing is known
/// here.
fn has_own_linker() -> bool {
    env::var_os("RUSTC_LINKER").is_some()
        || ["linker", "link-arg"]
            .iter()
            .any(|word| variable_of_cargo("CARGO_ENCODED_RUSTFLAGS").contains(word))
}

/// Lays the functions that short commands call side by side: fewer pages to
/// map, which is a tenth of a push. The linkers of GNU and LLVM can, others
/// cannot, so it is tried out.
fn lay_out() {
    let layout = Path::new(&variable_of_cargo("CARGO_MANIFEST_DIR")).join(LAYOUT);
    let argument = format!("-Wl,-T,{}", layout.display());
    let tried = Path::new(&variable_of_cargo("OUT_DIR")).join("tried");
    let linked = Command::new("cc")
        .args(["-x", "c", "/dev/null", "-shared", "-nostdlib", &argument])
        .arg("-o")
        .arg(tried)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // A comma would end the linker's argument.
    if linked.is_ok_and(|status| status.success()) && !layout.to_string_lossy().contains(',') {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
