//! The two SASL mechanisms that mail programs use: PLAIN (RFC 4616) and LOGIN
//! (which has no RFC: two prompts, name and password).

use data_encoding::BASE64;

use super::command::Auth;
use super::fault::Fault;
use super::step::Login;
use crate::wire::Secret;

/// An exchange that waits for the client's next line.
#[derive(Debug)]
pub(super) enum Exchange {
    Plain,
    LoginName,
    LoginPassword { name: String },
}

/// What follows from a response.
#[derive(Debug)]
pub(super) enum Next {
    /// The exchange goes on: this is sent, in BASE64 already.
    Challenge(Exchange, &'static str),
    /// Name and password are complete; either may be empty.
    Credentials(Login),
}

/// Begins an exchange.
pub(super) fn begin(auth: Auth) -> Result<Next, Fault> {
    let mut exchange = match auth.mechanism.as_str() {
        "PLAIN" => Exchange::Plain,
        "LOGIN" => Exchange::LoginName,
        _ => return Err(Fault::UnknownMechanism),
    };
    match auth.initial_response {
        None => Ok(exchange.ask()),
        // RFC 5034 §4: an empty initial response has to be told from none.
        Some(response) if response.octets() == b"=" => exchange.take(Secret::default()),
        Some(response) => exchange.take(decode(response.octets())?),
    }
}

impl Exchange {
    /// Goes on with a line of the client; the exchange is used up by it.
    pub(super) fn respond(&mut self, line: &[u8]) -> Result<Next, Fault> {
        if line == b"*" {
            return Err(Fault::Cancelled);
        }
        self.take(decode(line)?)
    }

    fn ask(self) -> Next {
        let challenge = match self {
            Exchange::Plain => "",
            // "Username:" and "Password:", as every client of LOGIN knows them.
            Exchange::LoginName => "VXNlcm5hbWU6",
            Exchange::LoginPassword { .. } => "UGFzc3dvcmQ6",
        };
        Next::Challenge(self, challenge)
    }

    fn take(&mut self, response: Secret) -> Result<Next, Fault> {
        match self {
            Exchange::Plain => plain(response.octets()).map(Next::Credentials),
            Exchange::LoginName => {
                let name = name(response.octets())?;
                Ok(Exchange::LoginPassword { name }.ask())
            }
            Exchange::LoginPassword { name } => Ok(Next::Credentials(Login {
                name: std::mem::take(name),
                password: response,
            })),
        }
    }
}

/// `identity NUL name NUL password` (RFC 4616 §2). The identity may be left out
/// or be the name itself.
fn plain(message: &[u8]) -> Result<Login, Fault> {
    let mut parts = message.split(|&octet| octet == 0);
    let parts = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(identity), Some(authenticated), Some(password), None) = parts else {
        return Err(Fault::PlainMessage);
    };
    if !identity.is_empty() && !identity.eq_ignore_ascii_case(authenticated) {
        return Err(Fault::OnBehalf);
    }
    Ok(Login {
        name: name(authenticated)?,
        password: Secret::new(password.to_vec()),
    })
}

fn name(octets: &[u8]) -> Result<String, Fault> {
    let name = str::from_utf8(octets).map_err(|_| Fault::NameNotUtf8)?;
    Ok(name.to_owned())
}

fn decode(line: &[u8]) -> Result<Secret, Fault> {
    let octets = BASE64.decode(line).map_err(|_| Fault::Base64)?;
    Ok(Secret::new(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: &str) {
        let (first, others) = lines.split_first().unwrap();
        let mut words = first.split(' ').map(str::to_owned);
        let mut next = begin(Auth {
            mechanism: words.next().unwrap(),
            initial_response: words.next().map(|it| Secret::new(it.into_bytes())),
        });
        for line in others {
            next = match next {
                Ok(Next::Challenge(mut exchange, _)) => exchange.respond(line.as_bytes()),
                other => panic!("{lines:?} ended early: {other:?}"),
            };
        }
        let found = match next {
            Ok(Next::Challenge(_, challenge)) => format!("+ {challenge}"),
            Ok(Next::Credentials(login)) => {
                let password = String::from_utf8_lossy(login.password.octets()).into_owned();
                format!("{} / {password}", login.name)
            }
            Err(fault) => format!("{fault:?}"),
        };
        assert_eq!(found, expected, "{lines:?}");
    }

    fn encoded(text: &str) -> String {
        BASE64.encode(text.as_bytes())
    }

    #[test]
    fn an_exchange_that_is_wrong_ends() {
        check(&["CRAM-MD5"], "UnknownMechanism");
        check(&["PLAIN", "*"], "Cancelled");
        check(&["LOGIN", "*"], "Cancelled");
        check(&["LOGIN", "YW5uYQ==", "*"], "Cancelled");
        check(&["PLAIN", "***"], "Base64");
        check(&["PLAIN", "YW5uYQ"], "Base64");
        check(&["PLAIN", " YW5uYQ=="], "Base64");
        check(&["PLAIN ="], "PlainMessage");
        check(&["PLAIN", ""], "PlainMessage");
        check(&["PLAIN", &encoded("anna\0secret")], "PlainMessage");
        check(&["PLAIN", &encoded("\0anna\0secret\0")], "PlainMessage");
        check(&["PLAIN", &encoded("bob\0anna\0secret")], "OnBehalf");
        check(&["PLAIN", &BASE64.encode(b"\0j\xfcrgen\0x")], "NameNotUtf8");
        check(&["LOGIN", &BASE64.encode(b"j\xfcrgen")], "NameNotUtf8");
    }

    #[test]
    fn both_mechanisms_take_a_response_at_once_or_later() {
        let plain = encoded("\0anna\0secret");
        check(&["PLAIN"], "+ ");
        check(&["PLAIN", &plain], "anna / secret");
        check(&[&format!("PLAIN {plain}")], "anna / secret");
        check(&["PLAIN", &encoded("Anna\0anna\0 ü ")], "anna /  ü ");
        check(&["LOGIN"], "+ VXNlcm5hbWU6");
        check(&["LOGIN YW5uYQ=="], "+ UGFzc3dvcmQ6");
        check(&["LOGIN", "YW5uYQ==", "c2VjcmV0"], "anna / secret");
        check(&["LOGIN YW5uYQ==", "c2VjcmV0"], "anna / secret");
        check(&["LOGIN =", ""], " / ");
    }
}
