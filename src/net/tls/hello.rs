//! What a client sends before it is under TLS, listened in on: OpenSSL takes a
//! ClientHello of up to 131,396 octets, and makes room for all of it when its
//! first nine have come. In every connection of anybody that would be four times
//! what a session may use.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use smol::io::{AsyncRead, AsyncWrite};
use thiserror::Error;

/// The largest ClientHello that is taken. Those of programs have 200 to 2,000
/// octets, with keys against quantum computers; up to here OpenSSL's own buffer
/// does not grow.
const HELLO_OCTETS_MAX: usize = 16_000;

/// A record of the handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;
/// Messages of it (RFC 8446 §4, RFC 5246 §7.4).
const CLIENT_HELLO: u8 = 1;
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// A stream whose input is listened in on until the handshake is over.
#[derive(Debug)]
pub struct Opening<S> {
    stream: S,
    hello: Option<Hello>,
}

/// The client announces more than it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a ClientHello of {0} octets")]
pub(super) struct HelloTooLarge(usize);

impl<S> Opening<S> {
    /// Nothing has come yet.
    pub(super) fn new(stream: S) -> Opening<S> {
        Opening {
            stream,
            hello: Some(Hello::default()),
        }
    }

    /// From now on everything passes unheard.
    pub(super) fn handshake_is_over(&mut self) {
        self.hello = None;
    }
}

/// Where a client is in its records and messages.
#[derive(Debug, Default)]
struct Hello {
    /// Of a record, then of a message, as far as they have come.
    record_header: Vec<u8>,
    message_header: Vec<u8>,
    record_left: usize,
    message_left: usize,
    of_handshake: bool,
    /// No ClientHello can follow; what does may be ciphertext.
    settled: bool,
}

impl Hello {
    /// The next octets that came.
    fn hear(&mut self, octets: &[u8]) -> Result<(), HelloTooLarge> {
        for &octet in octets {
            if self.record_left == 0 {
                self.take_record_header(octet);
                continue;
            }
            self.record_left -= 1;
            if !self.of_handshake || self.settled {
                continue;
            }
            match self.message_left {
                0 => self.take_message_header(octet)?,
                _ => self.message_left -= 1,
            }
        }
        Ok(())
    }

    fn take_record_header(&mut self, octet: u8) {
        self.record_header.push(octet);
        if let [kind, _, _, high, low] = *self.record_header.as_slice() {
            self.of_handshake = kind == HANDSHAKE;
            self.record_left = usize::from(u16::from_be_bytes([high, low]));
            self.record_header.clear();
        }
    }

    fn take_message_header(&mut self, octet: u8) -> Result<(), HelloTooLarge> {
        self.message_header.push(octet);
        if let [kind, high, middle, low] = *self.message_header.as_slice() {
            let octets = u32::from_be_bytes([0, high, middle, low]) as usize;
            self.message_header.clear();
            self.message_left = octets;
            // Behind this message TLS 1.2 is encrypted, and takes small ones only.
            self.settled = kind == CLIENT_KEY_EXCHANGE;
            if kind == CLIENT_HELLO && octets > HELLO_OCTETS_MAX {
                return Err(HelloTooLarge(octets));
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let (Poll::Ready(Ok(count)), Some(hello)) = (&read, &mut self.hello)
            && let Err(why) = hello.hear(buffer.get(..*count).unwrap_or_default())
        {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of the handshake with this payload.
    fn record(payload: &[u8]) -> Vec<u8> {
        let octets = (payload.len() as u16).to_be_bytes();
        [&[HANDSHAKE, 3, 1], &octets[..], payload].concat()
    }

    fn message(kind: u8, octets: usize) -> Vec<u8> {
        let octets = (octets as u32).to_be_bytes();
        vec![kind, octets[1], octets[2], octets[3]]
    }

    /// What is heard of it, whole and octet by octet.
    fn hear(octets: &[u8]) -> Result<(), HelloTooLarge> {
        let whole = Hello::default().hear(octets);
        let mut hello = Hello::default();
        let single = octets.iter().try_for_each(|octet| hello.hear(&[*octet]));
        assert_eq!(whole, single);
        whole
    }

    #[test]
    fn a_hello_larger_than_any_program_sends_is_heard_at_its_first_octets() {
        let header = record(&message(CLIENT_HELLO, 131_396));
        assert_eq!(hear(&header), Err(HelloTooLarge(131_396)));
        assert_eq!(
            hear(&record(&message(CLIENT_HELLO, HELLO_OCTETS_MAX))),
            Ok(())
        );
    }

    #[test]
    fn a_hello_whose_header_is_cut_by_records_is_heard() {
        let [kind, high, middle, low] = message(CLIENT_HELLO, 20_000)[..] else {
            panic!();
        };
        let cut = [record(&[kind]), record(&[high, middle]), record(&[low])].concat();
        assert_eq!(hear(&cut), Err(HelloTooLarge(20_000)));
    }

    #[test]
    fn a_second_hello_is_heard_as_well() {
        let first = record(&[message(CLIENT_HELLO, 3), vec![0; 3]].concat());
        let change_cipher_spec = vec![20, 3, 3, 0, 1, 1];
        let second = record(&message(CLIENT_HELLO, 20_000));
        let all = [first, change_cipher_spec, second].concat();
        assert_eq!(hear(&all), Err(HelloTooLarge(20_000)));
    }

    #[test]
    fn ciphertext_is_not_taken_for_a_hello() {
        let hello = record(&[message(CLIENT_HELLO, 3), vec![0; 3]].concat());
        let key = record(&[message(CLIENT_KEY_EXCHANGE, 2), vec![0; 2]].concat());
        let finished = record(&[CLIENT_HELLO; 40]);
        assert_eq!(hear(&[hello, key, finished].concat()), Ok(()));
        let of_tls_1_3 = [&[23, 3, 3, 0, 40][..], &[CLIENT_HELLO; 40]].concat();
        assert_eq!(hear(&of_tls_1_3), Ok(()));
    }
}
