//! A command's end: the running hub, or the store itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

use super::SOCKET;
use super::alone::{AloneError, Substitute, substitute};
use super::messages::{Answer, Request};
use crate::config::Configuration;
use crate::store::OpenError;

/// Longer than the hub takes for any request but one.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// A first poll may have to fetch years of mail; a session with a provider has
/// this limit.
const FETCH_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// Root asks, no hub runs, and the owner of the mail cannot be asked to answer.
    #[error("no hub runs, and this program cannot be run as the owner of the mail: {0}")]
    Substitute(io::Error),
    /// The content broke off.
    #[error("the message could not be read: {0}")]
    Content(String),
    /// Who answered went away; or nobody could be found to answer.
    #[error("the connection to the hub broke off ({0}); run the command again, and it goes on")]
    Broken(io::Error),
    /// The content could not be written on.
    #[error("cannot write: {0}")]
    Output(io::Error),
}

impl AskError {
    pub(super) fn broken(why: io::Error) -> AskError {
        AskError::Broken(in_words(why))
    }
}

/// A limit that passed: the system's own word for it says nothing to anybody.
pub(super) fn in_words(why: io::Error) -> io::Error {
    match why.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => io::Error::new(
            io::ErrorKind::TimedOut,
            "the other end has been silent for minutes: its disk may hang",
        ),
        _ => why,
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

/// Asks the running hub, or who answers in its place where none runs. Content
/// goes to `content`.
///
/// # Errors
/// See [`AskError`].
pub fn ask(
    request: Request,
    configuration: &Configuration,
    content: &mut dyn Write,
) -> Result<Reply, AskError> {
    let path = configuration.data_dir.join(SOCKET);
    let Joined { stream, alone } = join(configuration)?;
    let hub_runs = alone.is_none();
    let answer = converse(stream, &request, content).map_err(|why| match why {
        AskError::Broken(why) if hub_runs => hub_error(&path, why),
        why => why,
    });
    if let Some(alone) = alone {
        alone.wait();
    }
    Ok(Reply {
        answer: answer?,
        hub_runs,
    })
}

/// Asks the running hub only; `None` where no hub runs.
pub fn ask_running(request: Request, data_dir: &Path) -> Option<Result<Answer, AskError>> {
    let path = data_dir.join(SOCKET);
    match UnixStream::connect(&path) {
        Ok(stream) => {
            let answer = converse(stream, &request, &mut io::sink());
            Some(answer.map_err(|why| match why {
                AskError::Broken(why) => hub_error(&path, why),
                why => why,
            }))
        }
        Err(why) if no_hub_runs(&why) => None,
        Err(why) => Some(Err(hub_error(&path, why))),
    }
}

/// A connection to the hub, or to its substitute.
pub(super) struct Joined {
    pub stream: UnixStream,
    /// Where no hub runs.
    pub alone: Option<Substitute>,
}

/// Connects to the running hub; where none runs, to who answers in its place.
pub(super) fn join(configuration: &Configuration) -> Result<Joined, AskError> {
    let path = configuration.data_dir.join(SOCKET);
    let alone = match UnixStream::connect(&path) {
        Ok(stream) => {
            return Ok(Joined {
                stream,
                alone: None,
            });
        }
        Err(why) if no_hub_runs(&why) => substitute(configuration),
        Err(why) => return Err(hub_error(&path, why)),
    };
    let (stream, alone) = alone.map_err(|why| match why {
        AloneError::Store(why) => AskError::Store(why),
        AloneError::System(why) => AskError::Substitute(why),
    })?;
    Ok(Joined {
        stream,
        alone: Some(alone),
    })
}

fn no_hub_runs(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn converse(
    mut stream: UnixStream,
    request: &Request,
    content: &mut dyn Write,
) -> Result<Answer, AskError> {
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
    let (answer, input) = exchange(&mut stream).map_err(AskError::broken)?;
    if let Answer::Content { octets } = answer {
        let copied = io::copy(&mut input.take(octets), content).map_err(AskError::Output)?;
        if copied != octets {
            return Err(AskError::Content(format!(
                "only {copied} of {octets} octets came"
            )));
        }
    }
    Ok(answer)
}

fn hub_error(path: &Path, why: io::Error) -> AskError {
    AskError::Hub {
        path: path.display().to_string(),
        why,
    }
}
