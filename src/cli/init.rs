//! i
use super::Outcome;
#[derive(Debug, clap::Args)]
pub struct Arguments {}
pub fn run(_a: Arguments) -> Outcome {
    todo!()
}
