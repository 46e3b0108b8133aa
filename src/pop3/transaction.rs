//! Commands after log-in (RFC 1939 §5, §7).

use super::command::Command;
use super::fault::Fault;
use super::limits::{PlaintextLogin, Security};
use super::maildrop::{Maildrop, Message, NoMessage, ScanListing};
use super::multiline::{Appetite, Transfer, Truncated};
use super::reply::{Output, Phase, ResponseCode, capabilities};

/// The session after log-in, until QUIT.
#[derive(Debug)]
pub(super) struct Transaction {
    maildrop: Maildrop,
    activity: Activity,
}

#[derive(Debug)]
enum Activity {
    /// Waits for a command.
    Commands,
    /// This command waits for the scan listing.
    ListingRequested(Command),
    /// LIST or UIDL of everything, which goes on at this position.
    Scanning { scan: Scan, index: usize },
    /// RETR or TOP, which waits for the message to be opened.
    Opening(Transfer),
    /// RETR or TOP under way.
    Sending(Transfer),
    /// TOP is answered; the driver has to be told that it may close the message.
    Satisfied,
}

/// Which number a line of the listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    Octets,
    UniqueId,
}

/// What a session after log-in needs to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Command,
    Listing,
    Message {
        index: usize,
    },
    Content,
    ContentEnough,
    /// Nothing: it has more to write when there is room.
    Room,
}

/// What follows from a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obeyed {
    Stays,
    Quit,
}

/// The driver gave an answer that was not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAsked;

impl Transaction {
    pub(super) fn new(messages: u64, octets: u64) -> Transaction {
        Transaction {
            maildrop: Maildrop::new(messages, octets),
            activity: Activity::Commands,
        }
    }

    /// Makes what progress is possible without an answer.
    pub(super) fn go(&mut self, output: &mut Output) -> Need {
        match &mut self.activity {
            Activity::Commands => Need::Command,
            Activity::ListingRequested(_) => Need::Listing,
            Activity::Scanning { scan, index } => {
                if !write_scans(&self.maildrop, *scan, index, output) {
                    return Need::Room;
                }
                self.activity = Activity::Commands;
                Need::Command
            }
            Activity::Opening(transfer) => Need::Message {
                index: transfer.index,
            },
            Activity::Sending(_) => Need::Content,
            Activity::Satisfied => {
                self.activity = Activity::Commands;
                Need::ContentEnough
            }
        }
    }

    /// Obeys a command and writes its reply, unless a fault is it.
    pub(super) fn obey(&mut self, command: Command, output: &mut Output) -> Result<Obeyed, Fault> {
        if needs_listing(&command) && !self.maildrop.is_listed() {
            self.activity = Activity::ListingRequested(command);
            return Ok(Obeyed::Stays);
        }
        match command {
            Command::Stat => output.ok(format_args!(
                "{} {}",
                self.maildrop.messages(),
                self.maildrop.octets()
            )),
            Command::List(None) => self.scan(Scan::Octets, output),
            Command::Uidl(None) => self.scan(Scan::UniqueId, output),
            Command::List(Some(number)) => self.with(number, output, |message, output| {
                output.ok(format_args!("{} {}", message.number(), message.octets));
            }),
            Command::Uidl(Some(number)) => self.with(number, output, |message, output| {
                output.ok(format_args!("{} {}", message.number(), message.unique_id));
            }),
            Command::Retr(number) => {
                self.open(number, output, |message| {
                    Transfer::whole(message.index, message.octets)
                });
            }
            Command::Top { number, body_lines } => {
                self.open(number, output, |message| {
                    Transfer::top(message.index, body_lines)
                });
            }
            Command::Dele(number) => match self.maildrop.delete(number) {
                Ok(()) => output.ok("marked as deleted"),
                Err(none) => output.error(None, none),
            },
            Command::Rset => {
                self.maildrop.reset();
                output.ok("nothing is marked as deleted");
            }
            Command::Noop => output.ok("nothing done"),
            // What follows here is the same with and without TLS.
            Command::Capa => capabilities(
                Phase::Transaction,
                Security::Tls,
                PlaintextLogin::Allowed,
                output,
            ),
            Command::Quit => return Ok(Obeyed::Quit),
            Command::User(_)
            | Command::Pass(_)
            | Command::Auth(_)
            | Command::Stls
            | Command::Utf8 => return Err(Fault::LoggedIn),
        }
        Ok(Obeyed::Stays)
    }

    /// The positions that QUIT removes.
    pub(super) fn deleted(&self) -> Vec<usize> {
        self.maildrop.deleted()
    }

    /// The listing came: the command that waited for it is obeyed.
    pub(super) fn listing(
        &mut self,
        listing: ScanListing,
        output: &mut Output,
    ) -> Result<(), NotAsked> {
        let command = self.take_waiting_command()?;
        self.maildrop.list(listing);
        // It was valid when it was put aside, and QUIT never is.
        let _ = self.obey(command, output);
        Ok(())
    }

    pub(super) fn listing_failed(&mut self, output: &mut Output) -> Result<(), NotAsked> {
        self.take_waiting_command()?;
        output.error(
            Some(ResponseCode::SysTemp),
            "the list of messages cannot be read at this moment, try again later",
        );
        Ok(())
    }

    pub(super) fn message_opened(&mut self, output: &mut Output) -> Result<(), NotAsked> {
        match std::mem::replace(&mut self.activity, Activity::Commands) {
            Activity::Opening(transfer) => {
                transfer.announce(output);
                self.activity = Activity::Sending(transfer);
                Ok(())
            }
            _ => Err(NotAsked),
        }
    }

    pub(super) fn message_failed(&mut self, output: &mut Output) -> Result<(), NotAsked> {
        match std::mem::replace(&mut self.activity, Activity::Commands) {
            Activity::Opening(_) => {
                output.error(
                    Some(ResponseCode::SysTemp),
                    "this message cannot be read at this moment; the hub's log says why",
                );
                Ok(())
            }
            _ => Err(NotAsked),
        }
    }

    pub(super) fn content(&mut self, content: &[u8], output: &mut Output) -> Result<(), NotAsked> {
        let Activity::Sending(transfer) = &mut self.activity else {
            return Err(NotAsked);
        };
        if transfer.content(content, output) == Appetite::Full {
            // Being full, it is a TOP: it has no size to fall short of.
            let _ = self.content_complete(output)?;
            self.activity = Activity::Satisfied;
        }
        Ok(())
    }

    pub(super) fn content_complete(
        &mut self,
        output: &mut Output,
    ) -> Result<Result<(), Truncated>, NotAsked> {
        match std::mem::replace(&mut self.activity, Activity::Commands) {
            Activity::Sending(transfer) => Ok(transfer.finish(output)),
            _ => Err(NotAsked),
        }
    }

    fn scan(&mut self, scan: Scan, output: &mut Output) {
        let (messages, octets) = (self.maildrop.messages(), self.maildrop.octets());
        match scan {
            Scan::Octets => output.ok(format_args!("{messages} messages, {octets} octets")),
            Scan::UniqueId => output.ok(format_args!("{messages} messages")),
        }
        self.activity = Activity::Scanning { scan, index: 0 };
    }

    fn with(&self, number: u64, output: &mut Output, reply: impl FnOnce(Message, &mut Output)) {
        match self.maildrop.find(number) {
            Ok(message) => reply(message, output),
            Err(none) => refuse(none, output),
        }
    }

    fn open(
        &mut self,
        number: u64,
        output: &mut Output,
        transfer: impl FnOnce(Message) -> Transfer,
    ) {
        match self.maildrop.find(number) {
            Ok(message) => self.activity = Activity::Opening(transfer(message)),
            Err(none) => refuse(none, output),
        }
    }

    fn take_waiting_command(&mut self) -> Result<Command, NotAsked> {
        match std::mem::replace(&mut self.activity, Activity::Commands) {
            Activity::ListingRequested(command) => Ok(command),
            _ => Err(NotAsked),
        }
    }
}

fn needs_listing(command: &Command) -> bool {
    matches!(
        command,
        Command::List(_)
            | Command::Uidl(_)
            | Command::Retr(_)
            | Command::Top { .. }
            | Command::Dele(_)
    )
}

/// Not a fault: a client may well ask for a message that it has deleted.
fn refuse(none: NoMessage, output: &mut Output) {
    output.error(None, none);
}

/// Writes lines from `index` on, as many as there is room for, and the dot
/// behind the last. Whether it was reached.
fn write_scans(maildrop: &Maildrop, scan: Scan, index: &mut usize, output: &mut Output) -> bool {
    while let Some(message) = maildrop.first_from(*index) {
        if output.is_full() {
            return false;
        }
        let number = message.number();
        match scan {
            Scan::Octets => output.line(format_args!("{number} {}", message.octets)),
            Scan::UniqueId => output.line(format_args!("{number} {}", message.unique_id)),
        }
        *index = message.index + 1;
    }
    output.dot();
    true
}
