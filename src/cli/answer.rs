//! `postroom answer`: for root's commands alone, who run it as the owner of the mail
//! where no hub runs. Not shown.

use std::path::Path;
use std::process::ExitCode;

use super::Outcome;
use crate::config::Configuration;
use crate::control;

pub fn run(config: &Path) -> Outcome {
    control::answer_on_standard_input(Configuration::load(config))
        .map_err(|why| format!("it is run by other commands only, not by people: {why}"))?;
    Ok(ExitCode::SUCCESS)
}
