//! The program: see the library for its map.

use std::process::ExitCode;

fn main() -> ExitCode {
    postroom::cli::main()
}
