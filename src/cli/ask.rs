//! How a command reaches the hub or its store.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::output::say;
use super::{Failure, Outcome};
use crate::config::Configuration;
use crate::control::{self, Answer, Reply, Request};

/// The configuration, or why it cannot be read.
pub fn configuration(config: &Path) -> Result<Configuration, Failure> {
    Ok(Configuration::load(config)?)
}

/// Asks; message content goes to standard output.
pub fn ask(config: &Path, request: Request) -> Result<Reply, Failure> {
    ask_with(&configuration(config)?, request)
}

/// The same with a configuration that was read already.
pub fn ask_with(configuration: &Configuration, request: Request) -> Result<Reply, Failure> {
    let reply = control::ask(request, configuration, &mut io::stdout().lock())?;
    match reply.answer {
        Answer::Failed { why } => Err(Failure(why)),
        _ => Ok(reply),
    }
}

/// Asks for something to be done, and prints the sentence that comes back.
pub fn do_it(config: &Path, request: Request) -> Outcome {
    do_it_with(&configuration(config)?, request)
}

/// The same with a configuration that was read already.
pub fn do_it_with(configuration: &Configuration, request: Request) -> Outcome {
    if let Answer::Done { text } = ask_with(configuration, request)?.answer {
        say!("{text}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the hub or its store can be told of what a command is about to
/// write: directory.toml and the mailboxes must not part.
pub fn reach(configuration: &Configuration) -> Result<(), Failure> {
    match ask_with(configuration, Request::Status) {
        Ok(_) => Ok(()),
        Err(Failure(why)) => Err(Failure(format!("nothing is changed: {why}"))),
    }
}

/// Has a running hub read the files that a command has just written, so that
/// the change holds when the command ends. Without a hub there is nothing to
/// tell.
pub fn tell_hub(configuration: &Configuration) -> Outcome {
    match control::ask_running(Request::Reload, &configuration.data_dir) {
        None => Ok(ExitCode::SUCCESS),
        Some(Ok(Answer::Failed { why })) => Err(Failure(format!(
            "it is written, but the running hub did not take it: {why}"
        ))),
        Some(Ok(_)) => Ok(ExitCode::SUCCESS),
        Some(Err(why)) => Err(Failure(format!(
            "it is written; the running hub will see it by itself ({why})"
        ))),
    }
}
