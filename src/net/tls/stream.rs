//! A stream under TLS together with what its handshake found out: the one shape
//! of both sides.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use smol::io::{AsyncRead, AsyncWrite};

/// A stream `T` under TLS, and the `found` of its handshake. Reads and writes pass
/// through. Output may be buffered: a flush sends it, and a reader that waits for
/// the peer's answer must have flushed before.
#[derive(Debug)]
pub struct Secured<T, F> {
    pub(super) stream: T,
    pub(super) found: F,
}

impl<T: AsyncRead + Unpin, F: Unpin> AsyncRead for Secured<T, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin, F: Unpin> AsyncWrite for Secured<T, F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}
