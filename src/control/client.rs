//! A command's end: the running hub, or the store itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use thiserror::Error;

use super::SOCKET;
use super::messages::{Answer, Request};
use super::perform::{Outcome, perform};
use super::server::{Answering, converse as converse_with};
use crate::net::message_memory::MemoryGrant;
use crate::store::{Moment, OpenError, Settings, Store};

/// Longer than the hub takes for any request but one.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// A first poll may have to fetch years of mail; a session with a provider has
/// this limit.
const FETCH_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// For messages that wait for their commit, where no hub runs beside the command.
const ALONE_MEMORY_OCTETS: usize = 3 << 20;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// A hub runs, and the command may not speak to it or was cut off.
    #[error(
        "cannot speak to the running hub at {path}: {why}; run the command as root or as the hub's user \
         (sudo -u USER postroom …)"
    )]
    Hub {
        /// The socket.
        path: String,
        /// What the system says.
        why: io::Error,
    },
    /// No hub runs, and the store does not open.
    #[error("{0}")]
    Store(#[from] OpenError),
    /// The content broke off.
    #[error("the message could not be read: {0}")]
    Content(String),
    /// An export or import lost its connection.
    #[error("the connection to the hub broke off ({0}); run the command again, and it goes on")]
    Broken(io::Error),
    /// The content could not be written on.
    #[error("cannot write: {0}")]
    Output(io::Error),
}

impl AskError {
    pub(super) fn broken(why: io::Error) -> AskError {
        AskError::Broken(why)
    }
}

/// An answer, and whether a running hub gave it.
#[derive(Debug)]
pub struct Reply {
    /// The answer.
    pub answer: Answer,
    /// From a running hub; otherwise from the store directly.
    pub hub_runs: bool,
}

/// Asks the running hub, or does the work on the store where none runs.
/// Content goes to `content`.
///
/// # Errors
/// See [`AskError`].
pub fn ask(
    request: Request,
    settings: &Settings,
    content: &mut dyn Write,
) -> Result<Reply, AskError> {
    let path = settings.data_dir.join(SOCKET);
    match UnixStream::connect(&path) {
        Ok(stream) => converse(stream, &path, &request, content),
        Err(why) if no_hub_runs(&why) => alone(request, settings, content),
        Err(why) => Err(hub_error(&path, why)),
    }
}

/// Asks the running hub only; `None` where no hub runs.
pub fn ask_running(request: Request, data_dir: &Path) -> Option<Result<Answer, AskError>> {
    let path = data_dir.join(SOCKET);
    match UnixStream::connect(&path) {
        Ok(stream) => {
            let reply = converse(stream, &path, &request, &mut io::sink());
            Some(reply.map(|reply| reply.answer))
        }
        Err(why) if no_hub_runs(&why) => None,
        Err(why) => Some(Err(hub_error(&path, why))),
    }
}

/// A connection for many messages.
pub(super) struct Joined {
    pub stream: UnixStream,
    /// Works on the store where no hub runs.
    pub alone: Option<JoinHandle<()>>,
}

/// Connects to the running hub; where none runs, to a thread that answers in its
/// place.
pub(super) fn join(settings: &Settings) -> Result<Joined, AskError> {
    let path = settings.data_dir.join(SOCKET);
    match UnixStream::connect(&path) {
        Ok(stream) => {
            return Ok(Joined {
                stream,
                alone: None,
            });
        }
        Err(why) if no_hub_runs(&why) => {}
        Err(why) => return Err(hub_error(&path, why)),
    }
    let store = Store::open(settings, Moment::now())?;
    let (stream, other) = UnixStream::pair().map_err(AskError::Broken)?;
    let other = smol::net::unix::UnixStream::try_from(other).map_err(AskError::Broken)?;
    let answer = move || {
        let alone = Alone { store };
        // A command that is gone needs no answer, and the store has what it sent.
        let _ = smol::block_on(converse_with(other, &alone));
    };
    let alone = thread::Builder::new().spawn(answer);
    Ok(Joined {
        stream,
        alone: Some(alone.map_err(AskError::Broken)?),
    })
}

/// Answers where no hub runs.
struct Alone {
    store: Store,
}

impl Answering for Alone {
    async fn answer(&self, request: Request) -> Outcome {
        perform(&self.store, request).await
    }

    fn store(&self) -> &Store {
        &self.store
    }

    async fn memory_for_import(&self) -> Option<(MemoryGrant, usize)> {
        Some((MemoryGrant::new(), ALONE_MEMORY_OCTETS))
    }
}

fn no_hub_runs(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn converse(
    mut stream: UnixStream,
    path: &Path,
    request: &Request,
    content: &mut dyn Write,
) -> Result<Reply, AskError> {
    let exchange = |stream: &mut UnixStream| -> io::Result<(Answer, BufReader<UnixStream>)> {
        let limit = match request {
            Request::Fetch { .. } => FETCH_LIMIT,
            _ => ANSWER_LIMIT,
        };
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut input = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        input.read_line(&mut line)?;
        Ok((serde_json::from_str(&line)?, input))
    };
    let (answer, input) = exchange(&mut stream).map_err(|why| hub_error(path, why))?;
    if let Answer::Content { octets } = answer {
        let copied = io::copy(&mut input.take(octets), content).map_err(AskError::Output)?;
        if copied != octets {
            return Err(AskError::Content(format!(
                "only {copied} of {octets} octets came"
            )));
        }
    }
    Ok(Reply {
        answer,
        hub_runs: true,
    })
}

fn alone(
    request: Request,
    settings: &Settings,
    content: &mut dyn Write,
) -> Result<Reply, AskError> {
    let store = Store::open(settings, Moment::now())?;
    let answer = smol::block_on(async {
        match perform(&store, request).await {
            Outcome::Answer(answer) => Ok(answer),
            Outcome::Content(octets, mut reader) => {
                loop {
                    match reader.next_chunk().await {
                        Ok(Some(chunk)) => content.write_all(&chunk).map_err(AskError::Output)?,
                        Ok(None) => break,
                        Err(why) => return Err(AskError::Content(why.to_string())),
                    }
                }
                Ok(Answer::Content { octets })
            }
        }
    });
    Ok(Reply {
        answer: answer?,
        hub_runs: false,
    })
}

fn hub_error(path: &Path, why: io::Error) -> AskError {
    AskError::Hub {
        path: path.display().to_string(),
        why,
    }
}
