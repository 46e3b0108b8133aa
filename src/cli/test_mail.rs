//! `postroom test-mail`: a mail to a user, sent to the running hub by SMTP as a
//! scanner would, and collected by POP3 as that user's PC would. `setup` ends with
//! it.

mod dialogue;

use std::fs;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use dialoguer::Password;
use smol::future;
use smol::io::{AsyncRead, AsyncWrite};
use smol::net::TcpStream;

use super::ask::configuration;
use super::check::hub::reachable;
use super::output::{say, wrapped};
use super::user::password::password_line;
use super::{Failure, Outcome};
use crate::auth::made_up_password;
use crate::config::Configuration;
use crate::control::{self, Answer, HubState, Request};
use crate::hub;
use crate::net::tls::{self, CA_CERTIFICATE_FILE, TrustedRoots};
use dialogue::Dialogue;

/// All of it, with time for a disk that is busy and for a PC that polls just then.
const LIMIT: Duration = Duration::from_secs(60);
/// How long one handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub struct Arguments {
    /// Who gets it; it is taken out of the mailbox again
    user: String,
    /// Read the user's password from standard input: its first line
    #[arg(long)]
    password_stdin: bool,
}

pub fn run(config: &Path, arguments: Arguments) -> Outcome {
    let configuration = configuration(config)?;
    let user = arguments.user;
    let directory = configuration.load_directory()?;
    let Some(known) = directory.login(&user) else {
        return Err(Failure(format!("there is no user {user} in the directory")));
    };
    let password = match arguments.password_stdin || !io::stdin().is_terminal() {
        true => password_line()?,
        false => {
            let prompt = format!("Password of {}", known.name);
            Password::new().with_prompt(prompt).interact()?
        }
    };
    let journey = send(&configuration, &known.name, &password)?;
    say!("{}", wrapped(&journey));
    Ok(ExitCode::SUCCESS)
}

/// Sends, collects, compares, removes; the sentence that tells of it.
///
/// # Errors
/// Where on the way it failed.
pub fn send(configuration: &Configuration, user: &str, password: &str) -> Result<String, Failure> {
    let hub = running_hub(configuration)?;
    let letter = Letter::to(configuration, user)?;
    let journey = async {
        let (smtp, id) = bring(&hub, configuration, &letter).await?;
        let pop3 = collect(&hub, configuration, user, password, &letter)
            .await
            .map_err(|Failure(why)| {
                Failure(format!(
                    "the test mail {id} was taken in, but not collected: {why}; it lies in the mailbox of {user}"
                ))
            })?;
        Ok((smtp, id, pop3))
    };
    let too_long = async {
        smol::Timer::after(LIMIT).await;
        Err(Failure(format!(
            "the test mail did not come through within {} s; \"postroom status\" and the log say more",
            LIMIT.as_secs()
        )))
    };
    let (smtp, id, pop3) = smol::block_on(future::or(journey, too_long))?;
    // Or it would come back with what "mail restore" brings back.
    let erased = control::ask_running(
        Request::MailErase { id: id.clone() },
        &configuration.data_dir,
    );
    let end = match erased {
        Some(Ok(Answer::Done { .. })) => "and erased again",
        _ => "and taken out of the mailbox again",
    };
    Ok(format!(
        "a test mail went the whole way: to {user} by SMTP on {smtp}, kept as {id}, collected by {pop3}, the same \
         octet by octet, {end}"
    ))
}

fn running_hub(configuration: &Configuration) -> Result<HubState, Failure> {
    match control::ask_running(Request::Status, &configuration.data_dir) {
        None => Err(Failure(
            "no hub runs; start it first: systemctl start postroom".to_string(),
        )),
        Some(Ok(Answer::Status(status))) => status.hub.ok_or_else(Failure::another_answer),
        Some(Ok(_)) => Err(Failure::another_answer()),
        Some(Err(why)) => Err(why.into()),
    }
}

/// Where a listener of this name can be reached.
fn listener(hub: &HubState, name: &str) -> Option<SocketAddr> {
    let mut listeners = hub.listeners.iter();
    let listener = listeners.find(|listener| listener.name == name)?;
    listener.address.parse().ok().map(reachable)
}

/// The mail: known again by a text that nobody else has.
struct Letter {
    sender: String,
    recipient: String,
    octets: String,
}

impl Letter {
    fn to(configuration: &Configuration, user: &str) -> Result<Letter, Failure> {
        let domain = configuration
            .domains
            .first()
            .ok_or("postroom.toml has no domain")?;
        let (sender, recipient) = (format!("postmaster@{domain}"), format!("{user}@{domain}"));
        let mark = made_up_password()?;
        let octets = format!(
            "From: postroom <{sender}>\r\nTo: <{recipient}>\r\nSubject: Test mail {mark}\r\n\
             Message-ID: <{mark}@{}>\r\nAuto-Submitted: auto-generated\r\n\r\n\
             This mail tests the way to your mailbox. It is taken out again; should you see it,\r\n\
             you may delete it.\r\n",
            configuration.hostname
        );
        Ok(Letter {
            sender,
            recipient,
            octets,
        })
    }
}

/// By SMTP, as from a device of the office: the listener, and the message's ID.
async fn bring(
    hub: &HubState,
    configuration: &Configuration,
    letter: &Letter,
) -> Result<(SocketAddr, String), Failure> {
    let address = listener(hub, "smtp").ok_or("[smtp] listens nowhere")?;
    let mut smtp = Dialogue::new(connect(address).await?);
    smtp.reply("220").await?;
    smtp.command(&format!("EHLO {}", configuration.hostname), "250")
        .await?;
    let (sender, recipient) = (&letter.sender, &letter.recipient);
    smtp.command(&format!("MAIL FROM:<{sender}>"), "250")
        .await?;
    smtp.command(&format!("RCPT TO:<{recipient}>"), "250")
        .await?;
    smtp.command("DATA", "354").await?;
    let kept = smtp.command(&format!("{}.", letter.octets), "250").await?;
    // The mail is in; how the session ends no longer matters.
    let _ = smtp.command("QUIT", "221").await;
    let id = kept.split("kept as ").nth(1).unwrap_or(&kept).trim();
    Ok((address, id.to_string()))
}

/// By POP3, under TLS if there is a certificate: by which way.
async fn collect(
    hub: &HubState,
    configuration: &Configuration,
    user: &str,
    password: &str,
    letter: &Letter,
) -> Result<String, Failure> {
    if let Some(address) = listener(hub, "pop3s") {
        let stream = secure(connect(address).await?, configuration).await?;
        let mut pop3 = Dialogue::new(stream);
        pop3.reply("+OK").await?;
        take_out(&mut pop3, user, password, letter).await?;
        return Ok(format!("POP3 over TLS on {address}"));
    }
    let address = listener(hub, "pop3").ok_or("[pop3] listens nowhere")?;
    let mut pop3 = Dialogue::new(connect(address).await?);
    pop3.reply("+OK").await?;
    if configuration.tls.is_none() {
        take_out(&mut pop3, user, password, letter).await?;
        return Ok(format!("POP3 without TLS on {address}"));
    }
    pop3.command("STLS", "+OK").await?;
    let mut pop3 = Dialogue::new(secure(pop3.into_stream(), configuration).await?);
    take_out(&mut pop3, user, password, letter).await?;
    Ok(format!("POP3 with STLS on {address}"))
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(address).await;
    stream.map_err(|why| Failure(format!("{address}: no connection ({why})")))
}

/// As a PC that has imported the office CA, or trusts the system's where the
/// office has none.
async fn secure(
    stream: TcpStream,
    configuration: &Configuration,
) -> Result<tls::ClientStream<TcpStream>, Failure> {
    let folder = hub::tls_folder(configuration);
    let ca = folder.and_then(|folder| fs::read(folder.join(CA_CERTIFICATE_FILE)).ok());
    let roots = ca.map_or(TrustedRoots::System, TrustedRoots::Pem);
    let hostname = configuration.hostname.as_str();
    Ok(tls::connect(stream, hostname, &roots, HANDSHAKE_LIMIT).await?)
}

/// The newest message that is the letter: read, compared, removed.
async fn take_out<S: AsyncRead + AsyncWrite + Unpin>(
    pop3: &mut Dialogue<S>,
    user: &str,
    password: &str,
    letter: &Letter,
) -> Result<(), Failure> {
    pop3.command(&format!("USER {user}"), "+OK").await?;
    // Not by `command`: what it says of a refusal repeats what was sent.
    pop3.write(&format!("PASS {password}")).await?;
    let stat = match pop3.reply("+OK").await {
        Ok(_) => pop3.command("STAT", "+OK").await?,
        Err(Failure(said)) => {
            return Err(Failure(format!("{user} cannot log in: {said}")));
        }
    };
    let count = stat.split(' ').nth(1).and_then(|count| count.parse().ok());
    let mut number: u32 = count.ok_or("STAT gave no number")?;
    while number > 0 {
        pop3.command(&format!("RETR {number}"), "+OK").await?;
        let content = pop3.content().await?;
        // Trace lines stand in front.
        if content.ends_with(letter.octets.as_bytes()) {
            pop3.command(&format!("DELE {number}"), "+OK").await?;
            pop3.command("QUIT", "+OK").await?;
            return Ok(());
        }
        number -= 1;
    }
    Err(Failure(
        "no message in the mailbox is the one that was sent, octet by octet".to_string(),
    ))
}
