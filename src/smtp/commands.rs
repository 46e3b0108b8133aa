//! What each command does.

use crate::mail::{Envelope, Recipient, ReversePath};
use crate::wire::LineError;

use super::clock::Awaited;
use super::command::{self, Chunk, Command, CommandError, MailParameters, Spelling};
use super::limits::Trust;
use super::refusal::Refusal;
use super::reply::{Letters, Reply};
use super::session::{Helo, Progress, Session};
use super::state::{Extent, Part, Phase, State, Transaction};
use super::step::Ending;

impl Session {
    /// Reads the next command line, if it is there, and obeys it.
    pub(super) fn take_command(&mut self, phase: Phase) -> Progress {
        // Handlers find the phase where it was; most leave it there.
        self.state = State::Commands(phase);
        let Some(line) = self.input.take_line() else {
            return Progress::Await(Awaited::Command);
        };
        self.patience.line_came();
        let line = match line {
            Ok(line) => line,
            Err(LineError::BareLineFeed(line)) if self.trust == Trust::Lan => line,
            Err(LineError::BareLineFeed(line)) if command::is_chunk(&line) => {
                // Refused or not, octets follow it.
                self.close(
                    Refusal::bare_line_feed_command(),
                    Ending::ChunkSizeUnreadable,
                );
                return Progress::Again;
            }
            Err(LineError::BareLineFeed(_)) => {
                self.fault(Refusal::bare_line_feed_command());
                return Progress::Again;
            }
            Err(LineError::TooLong) => {
                self.fault(Refusal::line_too_long(self.limits.line_octets_max));
                return Progress::Again;
            }
        };
        match command::parse(&line) {
            Ok(command) if self.is_within_bounds(&command) => self.obey(command),
            Ok(_) => self.enough("commands"),
            Err(error) => self.refuse_line(error),
        }
        Progress::Again
    }

    /// Counts the commands that nothing else bounds.
    fn is_within_bounds(&mut self, command: &Command) -> bool {
        let bounded_elsewhere = match command {
            Command::Rcpt(..) => matches!(self.state, State::Commands(Phase::Open(_))),
            Command::Bdat(chunk) => chunk.octets > 0,
            _ => false,
        };
        if !bounded_elsewhere {
            self.counts.commands = self.counts.commands.saturating_add(1);
        }
        self.counts.commands <= self.limits.commands_max
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Helo(text) => self.helo_named(text, false),
            Command::Ehlo(text) => self.helo_named(text, true),
            Command::Mail(reverse_path, parameters) => self.mail(reverse_path, parameters),
            Command::Rcpt(recipient, spelling) => self.rcpt(recipient, spelling),
            Command::Data => self.data(),
            Command::Bdat(chunk) => self.bdat(chunk),
            Command::Rset => {
                self.answer(&Reply::done());
                self.leave_for(State::default());
            }
            Command::Noop => self.answer(&Reply::done()),
            Command::Vrfy => self.answer(&Reply::not_verified()),
            Command::Help => self.answer(&Reply::help()),
            Command::Expn => self.fault(Refusal::not_offered("lists are not shown")),
            Command::Etrn => {
                let text = "there is no queue to start; mail is collected by POP3";
                self.fault(Refusal::not_offered(text));
            }
            Command::Auth => {
                let text = "no log-in here: this hub only receives mail; to send, set the \
                            outgoing server to your provider's";
                self.fault(Refusal::not_offered(text));
            }
            Command::StartTls => self.start_tls(),
            Command::Quit => {
                let farewell = Reply::goodbye(&self.settings.hostname);
                self.close(farewell, Ending::Quit);
            }
        }
    }

    /// A new HELO or EHLO ends an open transaction (RFC 5321 §4.1.4).
    fn helo_named(&mut self, text: String, extended: bool) {
        let start_tls = self.settings.starttls && self.tls.is_none();
        let reply = match extended {
            true => Reply::ehlo(&self.settings, start_tls.then_some("STARTTLS\n")),
            false => Reply::helo(&self.settings.hostname),
        };
        self.answer(&reply);
        self.helo = Some(Helo { text, extended });
        self.leave_for(State::default());
    }

    fn mail(&mut self, reverse_path: ReversePath, parameters: MailParameters) {
        if self.helo.is_none() {
            return self.fault(Refusal::out_of_order("say EHLO or HELO first"));
        }
        if !matches!(self.state, State::Commands(Phase::Idle)) {
            let text = "a transaction is open already; RSET ends it";
            return self.fault(Refusal::out_of_order(text));
        }
        let size_max = self.settings.max_message_size;
        if parameters.size.is_some_and(|size| size > size_max) {
            return self.answer(&Refusal::too_large(size_max).into());
        }
        if self.counts.transactions >= self.limits.transactions_max {
            return self.enough("transactions");
        }
        self.state = State::SenderAsked(Transaction {
            envelope: Envelope {
                reverse_path,
                recipients: Vec::new(),
            },
            declared_size: parameters.size,
            letters: match parameters.utf8 {
                true => Letters::Utf8,
                false => Letters::Ascii,
            },
            address_octets: 0,
        });
    }

    fn rcpt(&mut self, recipient: Recipient, spelling: Spelling) {
        let mut transaction = match std::mem::take(&mut self.state) {
            State::Commands(Phase::Open(transaction)) => transaction,
            other => {
                let text = match other {
                    State::Commands(Phase::Chunks(..)) => "recipients come before the content",
                    _ => "say MAIL first",
                };
                self.state = other;
                return self.answer(&Refusal::out_of_order(text).into());
            }
        };
        let recipients_max = self.settings.max_recipients;
        let octets = transaction.address_octets + recipient_octets(&recipient);
        let refusal = if spelling == Spelling::Utf8 && transaction.letters == Letters::Ascii {
            Some(Refusal::address_needs_utf8())
        } else if transaction.envelope.recipients.len() >= recipients_max
            || octets > self.limits.envelope_octets_max
        {
            Some(Refusal::too_many_recipients(recipients_max))
        } else {
            None
        };
        match refusal {
            Some(refusal) => {
                self.state = State::Commands(Phase::Open(transaction));
                self.refuse_address(refusal);
            }
            None => {
                transaction.address_octets = octets;
                self.state = State::RecipientAsked(transaction, recipient);
            }
        }
    }

    fn data(&mut self) {
        match std::mem::take(&mut self.state) {
            State::Commands(Phase::Open(transaction))
                if !transaction.envelope.recipients.is_empty() =>
            {
                self.state = State::ContentAsked(transaction, Extent::Dots);
            }
            other => {
                let refusal = match other {
                    State::Commands(Phase::Open(_)) => Refusal::no_recipients(),
                    State::Commands(Phase::Chunks(..)) => {
                        Refusal::out_of_order("the content comes by BDAT already")
                    }
                    _ => Refusal::out_of_order("say MAIL and RCPT first"),
                };
                self.state = other;
                // No fault: a client may pipeline DATA behind recipients that
                // are refused (RFC 2920 §3.1).
                self.answer(&refusal.into());
            }
        }
    }

    fn bdat(&mut self, chunk: Chunk) {
        let Chunk { octets, last } = chunk;
        let part = match last {
            true => Part::Last,
            false => Part::Middle(octets),
        };
        let extent = Extent::Chunk { left: octets, part };
        let answer = match std::mem::take(&mut self.state) {
            State::Commands(Phase::Chunks(transaction, content)) => {
                self.state = State::Receiving {
                    transaction,
                    content,
                    extent,
                };
                return;
            }
            State::Commands(Phase::Open(transaction))
                if !transaction.envelope.recipients.is_empty() =>
            {
                self.state = State::ContentAsked(transaction, extent);
                return;
            }
            State::Commands(Phase::Open(_)) => Refusal::no_recipients(),
            _ => Refusal::out_of_order("say MAIL and RCPT first"),
        };
        // The transaction is over: a later BDAT of it would be the message
        // without its beginning.
        self.state = State::Skipping {
            left: octets,
            answer,
        };
    }

    fn start_tls(&mut self) {
        if self.tls.is_some() {
            return self.fault(Refusal::out_of_order("TLS is on already"));
        }
        if !self.settings.starttls {
            return self.fault(Refusal::not_offered("there is no TLS here"));
        }
        self.answer(&Reply::ready_for_tls());
        self.leave_for(State::StartingTls);
    }

    fn refuse_line(&mut self, error: CommandError) {
        let refusal = match error {
            CommandError::Unknown => Refusal::unknown_command(),
            CommandError::ControlOctet => Refusal::control_octet(),
            CommandError::Usage(usage) => Refusal::usage(usage),
            CommandError::Sender(why) => Refusal::sender_syntax(why),
            // No faults, as an unknown recipient is none: one bad line in an
            // old address book must not end the session for all the others.
            CommandError::Recipient(why) => {
                return self.refuse_address(Refusal::recipient_syntax(why));
            }
            CommandError::NeedsUtf8 => return self.refuse_address(Refusal::address_needs_utf8()),
            CommandError::ParameterUnknown => Refusal::parameter_unknown(),
            CommandError::ParameterSyntax(name) => Refusal::parameter_syntax(name),
            CommandError::BinaryMime => Refusal::binary_mime(),
            CommandError::WebRequest => {
                return self.close(Refusal::web_request(), Ending::WebRequest);
            }
            CommandError::ChunkSize => {
                return self.close(Refusal::chunk_size(), Ending::ChunkSizeUnreadable);
            }
            CommandError::ChunkArguments(left) => {
                let answer = Refusal::usage("BDAT octets or BDAT octets LAST");
                return self.leave_for(State::Skipping { left, answer });
            }
        };
        self.fault(refusal);
    }

    /// Refuses an address and counts it as a command that brought nothing.
    fn refuse_address(&mut self, refusal: Refusal) {
        self.counts.commands = self.counts.commands.saturating_add(1);
        self.answer(&refusal.into());
    }

    /// Refuses a line and counts it as an error.
    fn fault(&mut self, refusal: Refusal) {
        self.counts.errors = self.counts.errors.saturating_add(1);
        if self.counts.errors > self.limits.errors_max {
            return self.enough("errors");
        }
        self.answer(&refusal.into());
    }

    fn answer(&mut self, reply: &Reply) {
        self.say(reply, Letters::Ascii);
    }
}

fn recipient_octets(recipient: &Recipient) -> usize {
    match recipient {
        Recipient::Postmaster => 0,
        Recipient::Address(address) => {
            address.local_part.as_str().len() + address.domain.as_str().len()
        }
    }
}
