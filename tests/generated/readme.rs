//! The commands of README are valid.

use std::process::Command;

use clap::Parser;

use crate::cli::Cli;

#[test]
fn commands_of_readme_are_valid() {
    let readme = include_str!("../../README.md");
    let mut checked = 0;
    for block in readme.split("```sh\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for line in block.lines() {
            for command in line.split([';', '&', '|']).map(str::trim) {
                let Some(command) = command.strip_prefix("sstat ") else {
                    continue;
                };
                // Have a shell split the words and drop the comment.
                let script = format!("printf '%s\\0' {command}");
                let output = Command::new("sh").args(["-c", &script]).output().unwrap();
                let words = String::from_utf8(output.stdout).unwrap();
                let words = words.split_terminator('\0');
                if let Err(error) = Cli::try_parse_from(["sstat"].into_iter().chain(words)) {
                    panic!("README: sstat {command}: {error}");
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 10, "{checked} commands found");
}
