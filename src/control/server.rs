//! The hub's end of the control socket.

use std::fs::{self, Permissions};
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smol::net::unix::{UnixListener, UnixStream};
use smol::{Executor, Timer};

use super::SOCKET;
use super::messages::{Answer, Request};
use super::perform::Outcome;
use super::transfer::{self, Line};
use crate::journal;
use crate::net::message_memory::MemoryGrant;
use crate::net::outage::Outage;
use crate::store::Store;

/// A request comes at once: a program sends it, not a person.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// After an error of accept, which would come again at once.
const REST: Duration = Duration::from_millis(100);

/// Who answers requests: the hub.
pub trait Answering: Sync {
    /// Does what is asked.
    fn answer(&self, request: Request) -> impl Future<Output = Outcome> + Send;

    /// What mail is taken from and brought to.
    fn store(&self) -> &Store;

    /// Memory for messages that wait for their commit, and its octets; none: too
    /// much else is under way.
    fn memory_for_import(&self) -> impl Future<Output = Option<(MemoryGrant, usize)>> + Send;
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
    hub: Arc<impl Answering + Send + 'static>,
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

/// Answers one request, which may become a conversation.
pub(super) async fn converse(stream: UnixStream, hub: &impl Answering) -> io::Result<()> {
    let mut line = Line::new(stream);
    let request = line.read_text(REQUEST_LIMIT).await?;
    let outcome = match serde_json::from_str(&request) {
        Ok(Request::Export(asked)) => {
            return transfer::export(&mut line, hub.store(), &asked).await;
        }
        Ok(Request::Import { user, gone }) => {
            return transfer::import(&mut line, hub, &user, gone).await;
        }
        Ok(request) => hub.answer(request).await,
        Err(why) => Outcome::Answer(Answer::Failed {
            why: format!(
                "the hub does not understand the command ({why}): are both of one version?"
            ),
        }),
    };
    match outcome {
        Outcome::Answer(answer) => line.answer(&answer).await,
        Outcome::Content(octets, mut reader) => {
            line.answer(&Answer::Content { octets }).await?;
            while let Some(chunk) = reader.next_chunk().await.map_err(io::Error::other)? {
                line.write_octets(&chunk).await?;
            }
            line.flush().await
        }
    }
}
