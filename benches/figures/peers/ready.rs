//! How soon the hub is there after a start, with mail in its store.

use crate::office::Office;
use crate::starting::Starts;
use crate::{Outcome, Plan};

use super::comparison::{Better, Comparison, Line};
use super::rates::thousands;

/// On an office with so many messages.
pub fn measure(
    office: &Office,
    messages: usize,
    plan: &Plan,
    comparison: &mut Comparison,
) -> Outcome<()> {
    let starts = Starts::of(office, plan.works)?;
    let seconds = |milliseconds: &[f64]| milliseconds.iter().map(|ms| ms / 1000.0).collect();
    let messages = thousands(messages);
    let mut line = |work: String, postroom| {
        comparison.line(&Line {
            work,
            better: Better::Less,
            peer: None,
            postroom,
            limit: "target: ≤ 0.2 s".to_string(),
        });
    };
    let work = format!("ready after the start, {messages} messages stored, s");
    line(work, seconds(&starts.warm));
    let work = "… the store's files not in memory, s".to_string();
    line(work, seconds(&starts.cold));
    Ok(())
}
