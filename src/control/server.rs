//! The hub's end of the control socket.

use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use smol::net::unix::{UnixListener, UnixStream};
use smol::{Executor, Timer};

use super::SOCKET;
use super::messages::{Answer, Request};
use super::perform::Outcome;
use crate::journal;
use crate::net::connection::within;
use crate::net::outage::Outage;

/// A request is one line of this many octets at most.
const REQUEST_OCTETS_MAX: u64 = 16 * 1024;
/// A request comes at once: a program sends it, not a person.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// A person may read a message page by page, and is gone after so long.
const READER_LIMIT: Duration = Duration::from_secs(15 * 60);
/// After an error of accept, which would come again at once.
const REST: Duration = Duration::from_millis(100);

/// Who answers requests: the hub.
pub trait Answering {
    /// Does what is asked.
    fn answer(&self, request: Request) -> impl Future<Output = Outcome> + Send;
}

/// Opens the socket in `data_dir`. The folder's lock is held, so that a socket
/// which is there already is a dead hub's.
///
/// # Errors
/// The socket cannot be made.
pub fn listen(data_dir: &Path) -> io::Result<UnixListener> {
    let path = data_dir.join(SOCKET);
    match fs::remove_file(&path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers commands until the task is dropped.
pub async fn serve(
    listener: UnixListener,
    hub: Arc<impl Answering + Send + Sync + 'static>,
    executor: Arc<Executor<'static>>,
) {
    let mut outage = Outage::default();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Some(after) = outage.over(Instant::now()) {
                    journal::accepting_again(SOCKET, after);
                }
                let hub = Arc::clone(&hub);
                let conversation = async move {
                    if let Err(why) = converse(stream, &*hub).await {
                        log::debug!("control socket: {why}");
                    }
                };
                executor.spawn(conversation).detach();
            }
            Err(why) => {
                if outage.failed(Instant::now()) {
                    journal::accepting_nothing(SOCKET, &why);
                }
                Timer::after(REST).await;
            }
        }
    }
}

async fn converse(mut stream: UnixStream, hub: &impl Answering) -> io::Result<()> {
    let mut line = String::new();
    let mut input = BufReader::new(stream.clone().take(REQUEST_OCTETS_MAX));
    limited(REQUEST_LIMIT, input.read_line(&mut line)).await?;
    let outcome = match serde_json::from_str(&line) {
        Ok(request) => hub.answer(request).await,
        Err(why) => Outcome::Answer(Answer::Failed {
            why: format!(
                "the hub does not understand the command ({why}): are both of one version?"
            ),
        }),
    };
    match outcome {
        Outcome::Answer(answer) => write_line(&mut stream, &answer).await,
        Outcome::Content(octets, mut reader) => {
            write_line(&mut stream, &Answer::Content { octets }).await?;
            while let Some(chunk) = reader.next_chunk().await.map_err(io::Error::other)? {
                limited(READER_LIMIT, stream.write_all(&chunk)).await?;
            }
            Ok(())
        }
    }
}

async fn limited<T>(limit: Duration, task: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    within(limit, task)
        .await
        .unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

async fn write_line(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    limited(READER_LIMIT, stream.write_all(&line)).await
}
