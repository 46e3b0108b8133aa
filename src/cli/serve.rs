//! `postroom serve`: run the hub.

use std::path::Path;
use std::process::ExitCode;

use super::Outcome;
use crate::hub;

pub fn run(config: &Path) -> Outcome {
    hub::run(config)?;
    Ok(ExitCode::SUCCESS)
}
