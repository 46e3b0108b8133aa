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
const SERVER_HELLO: u8 = 2;
/// Where a ServerHello has its random octets, behind the headers of record and
/// message and the version.
const RANDOM_AT: usize = 11;
/// What they are where it asks for another ClientHello (RFC 8446 §4.1.3).
const ASKS_AGAIN: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A stream whose input is listened in on until its ClientHello is answered.
#[derive(Debug)]
pub struct Opening<S> {
    stream: S,
    /// None: no ClientHello is taken any more.
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
            if !self.of_handshake {
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
            if kind == CLIENT_HELLO && octets > HELLO_OCTETS_MAX {
                return Err(HelloTooLarge(octets));
            }
        }
        Ok(())
    }
}

/// Whether the server says with these octets that it has had its ClientHello. It
/// takes none from then on; and what a client of TLS 1.2 sends then is ciphertext
/// in records of the handshake, at once where it resumes a session.
fn is_answer(octets: &[u8]) -> bool {
    let is_server_hello =
        octets.first() == Some(&HANDSHAKE) && octets.get(5) == Some(&SERVER_HELLO);
    let random = octets.get(RANDOM_AT..RANDOM_AT + ASKS_AGAIN.len());
    is_server_hello && random.is_some_and(|random| random != ASKS_AGAIN)
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
        if self.hello.is_some() && is_answer(buffer) {
            self.hello = None;
        }
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
    use smol::io::{AsyncReadExt, AsyncWriteExt, Cursor};

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

    /// A ServerHello as far as its random octets.
    fn server_hello(random: &[u8; 32]) -> Vec<u8> {
        record(&[&message(SERVER_HELLO, 34)[..], &[3, 3], random].concat())
    }

    #[test]
    fn a_hello_that_is_asked_for_again_is_heard_and_ciphertext_is_not_taken_for_one() {
        // Of a session that TLS 1.2 resumes: behind ChangeCipherSpec, without a key exchange.
        let finished = record(&[&message(CLIENT_HELLO, 16_398_050)[..], &[7; 28]].concat());
        for (answer, is_heard) in [(ASKS_AGAIN, true), ([7; 32], false)] {
            let answer = server_hello(&answer);
            // Behind what the server writes is what it reads next.
            let wire = Cursor::new([answer.clone(), finished.clone()].concat());
            let mut stream = Opening::new(wire);
            let read = smol::block_on(async {
                stream.write_all(&answer).await.unwrap();
                stream.read(&mut [0; 100]).await
            });
            assert_eq!(read.is_err(), is_heard);
        }
    }

    #[test]
    fn ciphertext_of_tls_1_3_is_not_taken_for_a_hello() {
        let of_tls_1_3 = [&[23, 3, 3, 0, 40][..], &[CLIENT_HELLO; 40]].concat();
        assert_eq!(hear(&of_tls_1_3), Ok(()));
    }
}
