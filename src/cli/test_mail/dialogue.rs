//! Lines to a server and its replies, for SMTP and POP3 alike. It speaks to our
//! own hub alone; whoever calls sets the time limit.

use smol::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use crate::cli::Failure;
use crate::cli::output::cut;

/// What a test mail and its trace lines never reach.
const CONTENT_OCTETS_MAX: usize = 64 * 1024 * 1024;
/// More of a reply says nothing more.
const REPLY_CHARACTERS_MAX: usize = 300;

pub struct Dialogue<S> {
    stream: BufReader<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<S> {
    pub fn new(stream: S) -> Dialogue<S> {
        Dialogue {
            stream: BufReader::new(stream),
        }
    }

    /// The stream, when nothing of it is left unread, as before a handshake.
    pub fn into_stream(self) -> S {
        self.stream.into_inner()
    }

    /// Sends a line, and takes its reply; the last line of it.
    pub async fn command(&mut self, line: &str, expected: &str) -> Result<String, Failure> {
        self.write(line).await?;
        self.reply(expected).await.map_err(|Failure(said)| {
            let verb = line.split(['\r', '\n']).next().unwrap_or(line);
            Failure(format!("{}: {said}", cut(verb, REPLY_CHARACTERS_MAX)))
        })
    }

    pub async fn write(&mut self, line: &str) -> Result<(), Failure> {
        let octets = format!("{line}\r\n");
        let stream = self.stream.get_mut();
        stream.write_all(octets.as_bytes()).await?;
        Ok(stream.flush().await?)
    }

    /// The last line of a reply that begins like this.
    pub async fn reply(&mut self, expected: &str) -> Result<String, Failure> {
        loop {
            let line = self.line().await?;
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            if !line.starts_with(expected) {
                return Err(Failure(format!(
                    "the hub said “{}”",
                    cut(line, REPLY_CHARACTERS_MAX)
                )));
            }
            // SMTP's way to say that more follows (RFC 5321 §4.2.1).
            if line.as_bytes().get(expected.len()) != Some(&b'-') {
                return Ok(line.to_string());
            }
        }
    }

    /// A message, up to the dot, with its own dots taken out (RFC 1939 §3).
    pub async fn content(&mut self) -> Result<Vec<u8>, Failure> {
        let mut content = Vec::new();
        loop {
            let line = self.line().await?;
            if line == b".\r\n" {
                return Ok(content);
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if content.len() > CONTENT_OCTETS_MAX {
                return Err(Failure("a message does not end".to_string()));
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line).await? {
            0 => Err(Failure("the hub closed the connection".to_string())),
            _ => Ok(line),
        }
    }
}
