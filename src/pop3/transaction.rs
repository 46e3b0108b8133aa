//! Commands after log-in (RFC 1939 §5, §7).

use super::command::{Command, Numbered};
use super::fault::Fault;
use super::maildrop::{Maildrop, Message, NoMessage, ScanListing};
use super::multiline::{Appetite, Transfer, Truncated};
use super::reply::{Output, ResponseCode, capabilities};

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
    ListingRequested(Numbered),
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
        match command {
            Command::Stat => output.ok(format_args!(
                "{} {}",
                self.maildrop.messages(),
                self.maildrop.octets()
            )),
            Command::Numbered(numbered) if self.maildrop.is_listed() => {
                self.obey_numbered(numbered, output);
            }
            Command::Numbered(numbered) => self.activity = Activity::ListingRequested(numbered),
            Command::Rset => {
                self.maildrop.reset();
                output.ok("nothing is marked as deleted");
            }
            Command::Noop => output.ok("nothing done"),
            Command::Capa => capabilities(&[], output),
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
        let numbered = self.take_waiting_command()?;
        self.maildrop.list(listing);
        self.obey_numbered(numbered, output);
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
        let mut transfer = self.take_transfer()?;
        match transfer.content(content, output) {
            Appetite::Hungry => self.activity = Activity::Sending(transfer),
            Appetite::Full => {
                transfer.finish(output);
                self.activity = Activity::Satisfied;
            }
        }
        Ok(())
    }

    pub(super) fn content_complete(
        &mut self,
        output: &mut Output,
    ) -> Result<Result<(), Truncated>, NotAsked> {
        Ok(self.take_transfer()?.finish_at_end(output))
    }

    fn obey_numbered(&mut self, numbered: Numbered, output: &mut Output) {
        match numbered {
            Numbered::List(None) => self.scan(Scan::Octets, output),
            Numbered::Uidl(None) => self.scan(Scan::UniqueId, output),
            Numbered::List(Some(number)) => self.show(Scan::Octets, number, output),
            Numbered::Uidl(Some(number)) => self.show(Scan::UniqueId, number, output),
            Numbered::Retr(number) => self.open(number, output, |message| {
                Transfer::whole(message.index, message.octets)
            }),
            Numbered::Top { number, body_lines } => self.open(number, output, |message| {
                Transfer::top(message.index, message.octets, body_lines)
            }),
            Numbered::Dele(number) => match self.maildrop.delete(number) {
                Ok(()) => output.ok("marked as deleted"),
                Err(none) => refuse(none, output),
            },
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

    fn show(&self, scan: Scan, number: u64, output: &mut Output) {
        match (self.maildrop.find(number), scan) {
            (Ok(message), Scan::Octets) => {
                output.ok(format_args!("{number} {}", message.octets));
            }
            (Ok(message), Scan::UniqueId) => {
                output.ok(format_args!("{number} {}", message.unique_id));
            }
            (Err(none), _) => refuse(none, output),
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

    fn take_transfer(&mut self) -> Result<Transfer, NotAsked> {
        match std::mem::replace(&mut self.activity, Activity::Commands) {
            Activity::Sending(transfer) => Ok(transfer),
            _ => Err(NotAsked),
        }
    }

    fn take_waiting_command(&mut self) -> Result<Numbered, NotAsked> {
        match std::mem::replace(&mut self.activity, Activity::Commands) {
            Activity::ListingRequested(numbered) => Ok(numbered),
            _ => Err(NotAsked),
        }
    }
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
