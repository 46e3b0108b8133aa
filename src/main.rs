//! The program: see the library for its map.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    postroom::cli::main()
}
