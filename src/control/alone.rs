//! Where no hub runs, somebody else answers a command: a thread of its own, on the
//! store; or, where root asks about mail of the hub's user, a child that runs as
//! that user, so that nothing of root's comes into the hub's folder. Both speak as
//! the hub does, so that a command knows one way only.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use super::messages::{Answer, Request};
use super::perform::{Outcome, perform, status};
use super::server::{Answering, converse};
use crate::config::{Configuration, ConfigurationError, is_root};
use crate::hub;
use crate::net::message_memory::MemoryGrant;
use crate::store::{Moment, OpenError, Store};

/// The command that such a child is run with.
pub const ANSWER_COMMAND: &str = "answer";
/// For messages that wait for their commit, where no hub runs beside the command.
const MEMORY_OCTETS: usize = 3 << 20;

/// Who answers in the hub's place.
#[derive(Debug)]
pub(super) enum Substitute {
    Thread(JoinHandle<()>),
    Child(Child),
}

impl Substitute {
    /// Waits until it has closed the store: the next command or a hub may open it.
    pub fn wait(self) {
        match self {
            // It has answered, or the connection has told that it did not.
            Substitute::Thread(thread) => drop(thread.join()),
            Substitute::Child(mut child) => drop(child.wait()),
        }
    }
}

/// Why nobody answers.
pub(super) enum AloneError {
    Store(OpenError),
    System(io::Error),
}

/// Somebody who answers one request, and the way there.
pub(super) fn substitute(
    configuration: &Configuration,
) -> Result<(UnixStream, Substitute), AloneError> {
    match another_owner(configuration) {
        Some(owner) => child(configuration, owner).map_err(AloneError::System),
        None => on_a_thread(configuration),
    }
}

fn on_a_thread(configuration: &Configuration) -> Result<(UnixStream, Substitute), AloneError> {
    let alone = Alone::open(configuration).map_err(AloneError::Store)?;
    let (stream, other) = UnixStream::pair().map_err(AloneError::System)?;
    let thread = thread::Builder::new().spawn(move || alone.answer_on(other));
    let thread = thread.map_err(AloneError::System)?;
    Ok((stream, Substitute::Thread(thread)))
}

/// User and group of the data folder, where root asks and they are not root.
fn another_owner(configuration: &Configuration) -> Option<(u32, u32)> {
    let found = fs::metadata(&configuration.data_dir).ok()?;
    (is_root() && found.uid() != 0).then(|| (found.uid(), found.gid()))
}

fn child(
    configuration: &Configuration,
    (user, group): (u32, u32),
) -> io::Result<(UnixStream, Substitute)> {
    let (stream, other) = UnixStream::pair()?;
    let child = Command::new(std::env::current_exe()?)
        .arg("--config")
        .arg(&configuration.path)
        .arg(ANSWER_COMMAND)
        .uid(user)
        .gid(group)
        .stdin(OwnedFd::from(other))
        .stdout(Stdio::null())
        .spawn()?;
    Ok((stream, Substitute::Child(child)))
}

/// The child's work: answers one request on standard input, which is a socket; that
/// the settings cannot be read is an answer, too.
///
/// # Errors
/// Standard input is none.
pub fn answer_on_standard_input(
    configuration: Result<Configuration, ConfigurationError>,
) -> io::Result<()> {
    let mut stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    stream.peer_addr()?;
    let alone = configuration
        .map_err(|why| format!("{why} (as the owner of the mail, who answers where no hub runs)"));
    match alone.and_then(|it| Alone::open(&it).map_err(|why| why.to_string())) {
        Ok(alone) => alone.answer_on(stream),
        Err(why) => {
            // Whoever asks writes before it reads.
            BufReader::new(stream.try_clone()?).read_line(&mut String::new())?;
            let mut line = serde_json::to_vec(&Answer::Failed { why })?;
            line.push(b'\n');
            stream.write_all(&line)?;
        }
    }
    Ok(())
}

/// Answers where no hub runs.
struct Alone {
    store: Store,
    configuration: Configuration,
}

impl Alone {
    fn open(configuration: &Configuration) -> Result<Alone, OpenError> {
        Ok(Alone {
            store: Store::open(&hub::store_settings(configuration), Moment::now())?,
            configuration: configuration.clone(),
        })
    }

    fn answer_on(self, stream: UnixStream) {
        // A command that is gone needs no answer, and the store has what it sent.
        if let Ok(stream) = smol::net::unix::UnixStream::try_from(stream) {
            let _ = smol::block_on(converse(stream, &self));
        }
    }
}

impl Answering for Alone {
    async fn answer(&self, request: Request) -> Outcome {
        let account = match request {
            Request::Fetch { account } => account,
            Request::Status => {
                // One with a fault names nobody.
                let directory = self.configuration.load_directory();
                let users = directory.map_or(Vec::new(), |found| hub::fingerprints(&found));
                return status(&self.store, users).await;
            }
            other => return perform(&self.store, other).await,
        };
        let (configuration, store) = (self.configuration.clone(), self.store.clone());
        let fetch = move || hub::fetch_alone(&configuration, store, account.as_deref());
        Outcome::Answer(match smol::unblock(fetch).await {
            Ok(accounts) => Answer::Fetched { accounts },
            Err(why) => Answer::Failed {
                why: why.to_string(),
            },
        })
    }

    fn store(&self) -> &Store {
        &self.store
    }

    async fn memory_for_import(&self) -> Option<(MemoryGrant, usize)> {
        Some((MemoryGrant::new(), MEMORY_OCTETS))
    }
}
