//! Ctrl-C and TERM end a run as its end does: every server that it started is
//! ended, every folder removed.
//!
//! What the run has started is told to end, so whatever the run waits for fails,
//! and it goes back the way of any failure, past every drop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use async_signal::{Signal, Signals};
use rustix::process::{Pid, kill_process};
use smol::stream::StreamExt;

use crate::Outcome;
use crate::process::Process;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Begins to listen for signals, as long as the program runs.
pub fn watch() -> Outcome<()> {
    let mut signals = Signals::new([Signal::Hup, Signal::Int, Signal::Term])?;
    thread::spawn(move || {
        while let Some(_signal) = smol::block_on(signals.next()) {
            INTERRUPTED.store(true, Ordering::SeqCst);
            eprintln!("figures: interrupted; what was started ends …");
            end_children();
        }
    });
    Ok(())
}

/// Fails when a signal came: nothing more is to be started.
pub fn check() -> Outcome<()> {
    match INTERRUPTED.load(Ordering::SeqCst) {
        true => Err("interrupted".into()),
        false => Ok(()),
    }
}

fn end_children() {
    for child in Process::own().children().unwrap_or_default() {
        if let Some(pid) = i32::try_from(child.0).ok().and_then(Pid::from_raw) {
            // One that has ended by itself is as good.
            let _ = kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}
