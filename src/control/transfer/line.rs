//! The hub's end of a connection: lines of JSON, and chunks of octets.

use std::future::Future;
use std::io;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use smol::net::unix::UnixStream;

use super::super::messages::Answer;
use crate::net::connection::within;
use crate::store::CHUNK_OCTETS;

/// A request or a step is one line of this many octets at most.
const LINE_OCTETS_MAX: u64 = 16 * 1024;
/// A person may read a message page by page, and is gone after so long.
const PEER_LIMIT: Duration = Duration::from_secs(15 * 60);
/// In place of a count: the message broke off, and a step follows.
pub(super) const BROKEN: u32 = u32::MAX;

/// A connection with a command.
pub struct Line {
    input: BufReader<UnixStream>,
    output: BufWriter<UnixStream>,
}

impl Line {
    /// Speaks with whoever is there.
    pub fn new(stream: UnixStream) -> Line {
        Line {
            input: BufReader::new(stream.clone()),
            output: BufWriter::with_capacity(CHUNK_OCTETS, stream),
        }
    }

    /// The next line as it is.
    pub async fn read_text(&mut self, limit: Duration) -> io::Result<String> {
        let mut line = String::new();
        let mut input = (&mut self.input).take(LINE_OCTETS_MAX);
        limited(limit, input.read_line(&mut line)).await?;
        Ok(line)
    }

    /// The next step.
    pub(super) async fn read<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let line = self.read_text(PEER_LIMIT).await?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Writes a line, and does not wait until it has gone.
    pub(super) async fn write(&mut self, step: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(step)?;
        line.push(b'\n');
        limited(PEER_LIMIT, self.output.write_all(&line)).await
    }

    /// Writes an answer, and has it go.
    pub async fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        self.write(answer).await?;
        self.flush().await
    }

    /// Octets as they are.
    pub async fn write_octets(&mut self, octets: &[u8]) -> io::Result<()> {
        limited(PEER_LIMIT, self.output.write_all(octets)).await
    }

    /// A chunk; an empty one is the end.
    pub(super) async fn write_chunk(&mut self, octets: &[u8]) -> io::Result<()> {
        let count = u32::try_from(octets.len()).map_err(io::Error::other)?;
        self.write_octets(&count.to_be_bytes()).await?;
        self.write_octets(octets).await
    }

    /// What was to be chunks breaks off here.
    pub(super) async fn write_broken(&mut self) -> io::Result<()> {
        self.write_octets(&BROKEN.to_be_bytes()).await
    }

    /// Has everything go that was written.
    pub async fn flush(&mut self) -> io::Result<()> {
        limited(PEER_LIMIT, self.output.flush()).await
    }

    /// The next chunk in place of what is in `chunk`; false at the end.
    pub(super) async fn read_chunk(&mut self, chunk: &mut Vec<u8>) -> io::Result<bool> {
        let mut count = [0; 4];
        limited(PEER_LIMIT, self.input.read_exact(&mut count)).await?;
        let count = u32::from_be_bytes(count) as usize;
        if count > CHUNK_OCTETS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        chunk.resize(count, 0);
        limited(PEER_LIMIT, self.input.read_exact(chunk)).await?;
        Ok(count > 0)
    }
}

async fn limited<T>(limit: Duration, task: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    within(limit, task)
        .await
        .unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}
