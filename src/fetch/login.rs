//! The log-in: USER and PASS, APOP (RFC 1939 §7), AUTH PLAIN (RFC 4616, RFC
//! 5034), AUTH XOAUTH2 (as Google and Microsoft describe it).

use data_encoding::{BASE64, HEXLOWER};
use md5::{Digest, Md5};

use super::capabilities::Capabilities;
use super::error::{Awaited, Error};
use super::greeting::Greeting;
use super::limits::{INITIAL_RESPONSE_LINE_MAX, Settings};
use super::output::Output;
use super::refusal;
use super::reply::{Reply, shown};
use crate::wire::Secret;

/// How the user is proved.
#[derive(Debug)]
pub enum Credentials {
    /// By a password.
    Password {
        /// It.
        password: Secret,
        /// How it is sent.
        method: PasswordMethod,
    },
    /// By an OAuth2 access token, which the session asks its driver for.
    XOAuth2 {
        /// Where it stands.
        token_line: TokenLine,
    },
}

/// How a password is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordMethod {
    /// AUTH PLAIN where CAPA names it (one round trip, any characters), else
    /// USER and PASS. A refusal is final: a second try with the same password
    /// would bring an account closer to being locked.
    Offered,
    /// USER and PASS.
    UserPass,
    /// APOP: a digest with the time stamp of the greeting. MD5 is broken: it
    /// hides the password from an onlooker and protects nothing else.
    Apop,
    /// AUTH PLAIN.
    Plain,
}

/// Where the token of XOAUTH2 stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenLine {
    /// Behind the command. Google takes both.
    Initial,
    /// On a line of its own, after the server has asked for it. Microsoft takes
    /// nothing else.
    Own,
}

/// The log-in under way: what was sent last.
#[derive(Debug)]
pub(super) enum Exchange {
    /// USER.
    Name,
    /// PASS or APOP.
    Password,
    /// AUTH without a response; this one follows.
    Announced { response: Secret, cancel: Cancel },
    /// A SASL response. It is here still if it stood behind the command: some
    /// servers overlook it there and ask for it.
    Responded {
        response: Option<Secret>,
        cancel: Cancel,
    },
    /// The end of a SASL exchange that was challenged beyond that.
    Cancelled { detail: String },
}

/// What ends a SASL exchange: `*` (RFC 5034 §4), but an empty line where the
/// challenge of XOAUTH2 is an error.
pub(super) type Cancel = &'static str;

/// What follows from an answer.
#[derive(Debug)]
pub(super) enum Next {
    Goes(Exchange),
    LoggedIn,
}

/// Begins a log-in; `token` is there for XOAUTH2.
pub(super) fn begin(
    settings: &Settings,
    greeting: &Greeting,
    capabilities: &Capabilities,
    token: Option<&Secret>,
    output: &mut Output,
) -> Result<Exchange, Error> {
    let user = settings.user.as_bytes();
    check(user)?;
    match (&settings.credentials, token) {
        (Credentials::Password { password, method }, _) => {
            check(password.octets())?;
            let plain = || sasl_plain(user, password.octets());
            match method {
                PasswordMethod::Plain => {
                    if capabilities.known && !capabilities.has_mechanism("PLAIN") {
                        return Err(Error::MethodNotOffered("AUTH PLAIN"));
                    }
                    Ok(authenticate("PLAIN", plain(), "*", output))
                }
                PasswordMethod::Offered if capabilities.has_mechanism("PLAIN") => {
                    Ok(authenticate("PLAIN", plain(), "*", output))
                }
                PasswordMethod::Offered if only_oauth2(capabilities) => {
                    Err(Error::OAuth2Wanted("so say its capabilities".to_owned()))
                }
                PasswordMethod::Offered | PasswordMethod::UserPass => {
                    output.octets("USER ", user);
                    Ok(Exchange::Name)
                }
                PasswordMethod::Apop => {
                    let stamp = greeting.time_stamp.as_deref();
                    let stamp = stamp.ok_or(Error::MethodNotOffered("APOP"))?;
                    let argument = apop(user, stamp, password.octets());
                    output.octets("APOP ", &argument);
                    Ok(Exchange::Password)
                }
            }
        }
        (Credentials::XOAuth2 { token_line }, Some(token)) => {
            check(token.octets())?;
            let response = sasl_xoauth2(user, token.octets());
            Ok(match token_line {
                // However long: no real token is within the limit of RFC 5034.
                TokenLine::Initial => respond_at_once("XOAUTH2", response, "", output),
                TokenLine::Own => announce("XOAUTH2", response, "", output),
            })
        }
        (Credentials::XOAuth2 { .. }, None) => Err(Error::NoToken),
    }
}

impl Exchange {
    /// Goes on with a line of the server.
    pub(super) fn respond(
        self,
        reply: Option<Reply<'_>>,
        line: &[u8],
        settings: &Settings,
        capabilities: &Capabilities,
        output: &mut Output,
    ) -> Result<Next, Error> {
        match (self, reply) {
            (Exchange::Name, Some(Reply::Positive(_))) => {
                if let Credentials::Password { password, .. } = &settings.credentials {
                    output.octets("PASS ", password.octets());
                }
                Ok(Next::Goes(Exchange::Password))
            }
            (Exchange::Password | Exchange::Responded { .. }, Some(Reply::Positive(_))) => {
                Ok(Next::LoggedIn)
            }
            (exchange, Some(Reply::Negative(refusal))) => {
                let detail = match exchange {
                    Exchange::Cancelled { detail } => detail,
                    _ => String::new(),
                };
                Err(refusal::of_log_in(
                    refusal,
                    detail,
                    settings.security,
                    &settings.credentials,
                    capabilities,
                ))
            }
            (exchange, Some(Reply::Challenge(challenge))) => exchange.challenged(challenge, output),
            _ => Err(not_a_reply(line)),
        }
    }

    fn challenged(self, challenge: &[u8], output: &mut Output) -> Result<Next, Error> {
        match self {
            Exchange::Announced { response, cancel } => {
                output.octets("", response.octets());
                Ok(Next::Goes(Exchange::Responded {
                    response: None,
                    cancel,
                }))
            }
            Exchange::Responded {
                response: Some(response),
                cancel,
            } if challenge.is_empty() => {
                Exchange::Announced { response, cancel }.challenged(challenge, output)
            }
            Exchange::Responded { cancel, .. } => {
                output.line(cancel);
                let text = BASE64.decode(challenge);
                let detail = shown(text.as_deref().unwrap_or(challenge));
                Ok(Next::Goes(Exchange::Cancelled { detail }))
            }
            Exchange::Name | Exchange::Password | Exchange::Cancelled { .. } => {
                Err(not_a_reply(challenge))
            }
        }
    }
}

fn not_a_reply(line: &[u8]) -> Error {
    Error::NotAReply {
        awaited: Awaited::LogIn,
        found: shown(line),
    }
}

/// What stands in a line of its own, or between NULs: a line end in it would
/// be a command of somebody's choice.
fn check(secret: &[u8]) -> Result<(), Error> {
    let unusable = |octet: &u8| matches!(octet, b'\r' | b'\n' | 0);
    match secret.is_empty() || secret.iter().any(unusable) {
        true => Err(Error::UnusableCredentials),
        false => Ok(()),
    }
}

fn only_oauth2(capabilities: &Capabilities) -> bool {
    let oauth2 = ["XOAUTH2", "OAUTHBEARER"];
    let offered = oauth2.iter().any(|name| capabilities.has_mechanism(name));
    offered && !capabilities.user
}

/// AUTH with the response behind it, if the line may be so long.
fn authenticate(
    mechanism: &str,
    response: Secret,
    cancel: Cancel,
    output: &mut Output,
) -> Exchange {
    let line_octets = "AUTH ".len() + mechanism.len() + 1 + response.octets().len();
    match line_octets > INITIAL_RESPONSE_LINE_MAX {
        true => announce(mechanism, response, cancel, output),
        false => respond_at_once(mechanism, response, cancel, output),
    }
}

fn respond_at_once(
    mechanism: &str,
    response: Secret,
    cancel: Cancel,
    output: &mut Output,
) -> Exchange {
    output.octets(&format!("AUTH {mechanism} "), response.octets());
    Exchange::Responded {
        response: Some(response),
        cancel,
    }
}

/// AUTH alone.
fn announce(mechanism: &str, response: Secret, cancel: Cancel, output: &mut Output) -> Exchange {
    output.line(format_args!("AUTH {mechanism}"));
    Exchange::Announced { response, cancel }
}

/// `NUL name NUL password`, in BASE64.
fn sasl_plain(user: &[u8], password: &[u8]) -> Secret {
    let message = Secret::new([b"\0", user, b"\0", password].concat());
    Secret::new(BASE64.encode(message.octets()))
}

fn sasl_xoauth2(user: &[u8], token: &[u8]) -> Secret {
    let message = Secret::new([b"user=", user, b"\x01auth=Bearer ", token, b"\x01\x01"].concat());
    Secret::new(BASE64.encode(message.octets()))
}

fn apop(user: &[u8], time_stamp: &[u8], password: &[u8]) -> Vec<u8> {
    let digest = Md5::new()
        .chain_update(time_stamp)
        .chain_update(password)
        .finalize();
    [user, b" ", HEXLOWER.encode(&digest).as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_apop_is_that_of_rfc_1939() {
        let argument = apop(b"mrose", b"<1896.697170952@dbc.mtview.ca.us>", b"tanstaaf");
        assert_eq!(argument, b"mrose c4c9334bac560ecc979e58001b3e22fb");
    }

    #[test]
    fn the_response_of_xoauth2_is_that_of_its_description() {
        let response = sasl_xoauth2(
            b"someuser@example.com",
            b"ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
        );
        assert_eq!(
            response.octets(),
            b"dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="
                .as_slice()
        );
    }

    #[test]
    fn a_line_end_or_nul_in_a_secret_is_never_sent() {
        for wrong in ["", "a\r\nDELE 1", "a\n", "a\0b"] {
            assert_eq!(check(wrong.as_bytes()), Err(Error::UnusableCredentials));
        }
        assert_eq!(check("Grüße  an alle ".as_bytes()), Ok(()));
    }
}
