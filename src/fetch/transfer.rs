//! Messages come and go: RETR, TOP and DELE, one by one or in a window, and
//! QUIT.
//!
//! The server answers in the order of the commands (RFC 2449 §6.6), so the
//! first of the commands that were sent owns what comes.

use std::collections::VecDeque;

use super::clock::Wait;
use super::content::{Content, Found};
use super::error::{Awaited, Error};
use super::limits::{Limits, OCTETS_GUESSED};
use super::output::Output;
use super::reply::{self, Refusal, Reply, shown};
use super::step::{Arrived, Ending, Removal, Summary, Task};
use crate::wire::{LineBuffer, LineError, Patience};

/// How many commands may be on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    LockStep,
    Window,
}

/// The session while it works on its tasks.
#[derive(Debug)]
pub(super) struct Transfer {
    pace: Pace,
    tasks: VecDeque<Task>,
    /// To be sent before the next task.
    removals: VecDeque<Removal>,
    sent: VecDeque<Sent>,
    /// Of the first command that was sent, whose reply was +OK.
    content: Option<Content>,
    /// Messages that have arrived and are neither stored nor left.
    unanswered: usize,
}

/// A command whose answer has not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Retrieve { number: u32, octets_left: u64 },
    Top { number: u32 },
    Remove { number: u32 },
    Quit,
}

impl Sent {
    fn is_removal(&self) -> bool {
        matches!(self, Sent::Remove { .. })
    }
}

/// What is needed to go on, or has happened.
#[derive(Debug)]
pub(super) enum Need {
    Input,
    Answer,
    Begin {
        number: u32,
    },
    /// The piece holds content.
    Content,
    Complete(Arrived),
    TopComplete {
        number: u32,
        octets: u64,
    },
    RetrievalRefused {
        number: u32,
        refusal: Refusal,
    },
    RemovalRefused {
        number: u32,
        refusal: Refusal,
    },
    Close(Ending),
}

/// An answer came that was not asked for.
#[derive(Debug)]
pub(super) struct NotAsked;

/// What a transfer works with.
pub(super) struct Desk<'a> {
    pub(super) input: &'a mut LineBuffer,
    /// Nobody reads any more what is written.
    pub(super) input_ended: bool,
    pub(super) output: &'a mut Output,
    /// Where content goes: empty before each call.
    pub(super) piece: &'a mut Vec<u8>,
    pub(super) patience: &'a mut Patience,
    pub(super) limits: &'a Limits,
    pub(super) summary: &'a mut Summary,
}

impl Transfer {
    pub(super) fn new(pace: Pace, tasks: Vec<Task>) -> Transfer {
        Transfer {
            pace,
            tasks: tasks.into(),
            removals: VecDeque::new(),
            sent: VecDeque::new(),
            content: None,
            unanswered: 0,
        }
    }

    /// Goes on until something is needed. All input is taken before new
    /// commands are written, so that these leave together.
    pub(super) fn go(&mut self, desk: &mut Desk) -> Need {
        loop {
            let progress = match self.content {
                Some(_) => self.read_content(desk),
                None => self.read_reply(desk),
            };
            match progress {
                Progress::Made => {}
                Progress::Needs(need) => return need,
                Progress::None => {
                    if !desk.input_ended {
                        self.send(desk);
                    }
                    return match self.sent.is_empty() {
                        true => Need::Answer,
                        false => Need::Input,
                    };
                }
            }
        }
    }

    /// A message is committed: DELE follows.
    pub(super) fn remove(&mut self, removal: Removal) -> Result<(), NotAsked> {
        self.answered()?;
        self.removals.push_back(removal);
        Ok(())
    }

    /// A message is answered and stays.
    pub(super) fn answered(&mut self) -> Result<(), NotAsked> {
        self.unanswered = self.unanswered.checked_sub(1).ok_or(NotAsked)?;
        Ok(())
    }

    /// No further task is begun.
    pub(super) fn stop(&mut self) {
        self.tasks.clear();
    }

    /// What is owed.
    pub(super) fn owed(&self) -> Awaited {
        match self.sent.front() {
            Some(Sent::Retrieve { number, .. } | Sent::Top { number }) => Awaited::Message(*number),
            Some(Sent::Remove { number }) => Awaited::Removal(*number),
            Some(Sent::Quit) => Awaited::Quit,
            None => Awaited::Nothing,
        }
    }

    /// How long it is waited for.
    pub(super) fn wait(&self) -> Wait {
        match (self.sent.front(), &self.content) {
            (_, Some(_)) => Wait::More,
            (Some(Sent::Quit), None) => Wait::Quit,
            _ => Wait::Reply,
        }
    }

    /// Commands that are not answered to the end.
    pub(super) fn commands_unanswered(&self) -> usize {
        self.sent.len()
    }

    /// The message whose content was begun.
    pub(super) fn message_under_way(&self) -> Option<u32> {
        match (self.sent.front(), &self.content) {
            (Some(Sent::Retrieve { number, .. } | Sent::Top { number }), Some(_)) => Some(*number),
            _ => None,
        }
    }

    /// How the session ends when the server says no more: without a fault of
    /// anybody's, if QUIT was sent.
    pub(super) fn ending_without_answer(&self, summary: &Summary) -> Option<Ending> {
        let quit = self.sent.back() == Some(&Sent::Quit);
        let removed = summary.removed > 0 || self.sent.iter().any(Sent::is_removal);
        match (quit, removed) {
            (false, _) => None,
            (true, true) => Some(Ending::RemovalUnconfirmed),
            (true, false) => Some(Ending::Complete),
        }
    }
}

enum Progress {
    Made,
    Needs(Need),
    None,
}

/// From the server.
impl Transfer {
    fn read_content(&mut self, desk: &mut Desk) -> Progress {
        let (Some(content), Some(first)) = (&mut self.content, self.sent.front_mut()) else {
            return Progress::None;
        };
        let number = match *first {
            Sent::Retrieve { number, .. } | Sent::Top { number } => number,
            Sent::Remove { .. } | Sent::Quit => return Progress::None,
        };
        let found = content.read(desk.input, desk.piece);
        if let Found::Piece { taken } | Found::Nothing { taken } = found
            && taken > 0
        {
            desk.patience
                .content_came(taken, desk.limits.progress_octets_min);
            if let Sent::Retrieve { octets_left, .. } = first {
                *octets_left = octets_left.saturating_sub(taken as u64);
            }
        }
        match found {
            Found::Beginning => Progress::Needs(Need::Begin { number }),
            Found::Piece { .. } => Progress::Needs(Need::Content),
            Found::Nothing { .. } => Progress::None,
            Found::End { octets } => {
                desk.patience.line_came();
                Progress::Needs(self.complete(number, octets, desk.summary))
            }
        }
    }

    fn complete(&mut self, number: u32, octets: u64, summary: &mut Summary) -> Need {
        self.content = None;
        match self.sent.pop_front() {
            Some(Sent::Retrieve { .. }) => {
                summary.retrieved += 1;
                summary.retrieved_octets = summary.retrieved_octets.saturating_add(octets);
                self.unanswered += 1;
                Need::Complete(Arrived { number, octets })
            }
            _ => {
                summary.tops += 1;
                Need::TopComplete { number, octets }
            }
        }
    }

    fn read_reply(&mut self, desk: &mut Desk) -> Progress {
        let Some(first) = self.sent.front().copied() else {
            return Progress::None;
        };
        let line = match desk.input.take_line() {
            None => return Progress::None,
            Some(Ok(line) | Err(LineError::BareLineFeed(line))) => line,
            Some(Err(LineError::TooLong)) => b"a line that is too long".to_vec(),
        };
        desk.patience.line_came();
        let refused = match reply::parse(&line) {
            Some(Reply::Positive(_)) => None,
            Some(Reply::Negative(refusal)) => Some(refusal),
            // From here on no answer could be matched to its command.
            Some(Reply::Challenge(_)) | None => {
                return Progress::Needs(Need::Close(Ending::Failed(Error::NotAReply {
                    awaited: self.owed(),
                    found: shown(&line),
                })));
            }
        };
        let need = match (first, refused) {
            (Sent::Retrieve { .. } | Sent::Top { .. }, None) => {
                self.content = Some(Content::new());
                return Progress::Made;
            }
            (Sent::Retrieve { number, .. } | Sent::Top { number }, Some(refusal)) => {
                desk.summary.retrievals_refused += 1;
                Need::RetrievalRefused { number, refusal }
            }
            (Sent::Remove { .. }, None) => {
                desk.summary.removed += 1;
                self.sent.pop_front();
                return Progress::Made;
            }
            (Sent::Remove { number }, Some(refusal)) => {
                desk.summary.removals_refused += 1;
                Need::RemovalRefused { number, refusal }
            }
            (Sent::Quit, None) => Need::Close(Ending::Complete),
            (Sent::Quit, Some(refusal)) => Need::Close(match desk.summary.removed {
                0 => Ending::Complete,
                _ => Ending::RemovalFailed(refusal),
            }),
        };
        self.sent.pop_front();
        Progress::Needs(need)
    }
}

/// To the server.
impl Transfer {
    /// Writes as many commands as the window holds.
    fn send(&mut self, desk: &mut Desk) {
        while let Some(sent) = self.next_command(desk.limits, desk.output) {
            self.sent.push_back(sent);
        }
        if self.may_quit() {
            desk.output.line("QUIT");
            self.sent.push_back(Sent::Quit);
        }
    }

    fn next_command(&mut self, limits: &Limits, output: &mut Output) -> Option<Sent> {
        if self.has_room_for_removal(limits)
            && let Some(removal) = self.removals.pop_front()
        {
            return Some(self::remove(&removal, output));
        }
        if self.has_room_for_task(limits) {
            return self.begin_task(output);
        }
        None
    }

    /// Removals have a window of their own: else half of the window would hold
    /// no message.
    fn has_room_for_removal(&self, limits: &Limits) -> bool {
        let removals = self.sent.iter().filter(|sent| sent.is_removal());
        match self.pace {
            // A command may always be sent when none is on its way.
            _ if self.sent.is_empty() => true,
            Pace::LockStep => false,
            Pace::Window => removals.count() < limits.window_commands,
        }
    }

    fn has_room_for_task(&self, limits: &Limits) -> bool {
        let others = self.sent.iter().filter(|sent| !sent.is_removal());
        let octets = self.sent.iter().map(|sent| match sent {
            Sent::Retrieve { octets_left, .. } => *octets_left,
            Sent::Top { .. } | Sent::Remove { .. } | Sent::Quit => 0,
        });
        match (self.pace, self.tasks.front()) {
            _ if self.sent.is_empty() => true,
            (Pace::LockStep, _) => false,
            (Pace::Window, Some(Task::Remove(_))) => self.has_room_for_removal(limits),
            (Pace::Window, _) => {
                others.count() < limits.window_commands
                    && octets.fold(0, u64::saturating_add) < limits.window_octets
            }
        }
    }

    fn begin_task(&mut self, output: &mut Output) -> Option<Sent> {
        Some(match self.tasks.pop_front()? {
            Task::Retrieve { number, octets } => {
                output.line(format_args!("RETR {number}"));
                Sent::Retrieve {
                    number,
                    octets_left: octets.unwrap_or(OCTETS_GUESSED),
                }
            }
            Task::Top { number } => {
                output.line(format_args!("TOP {number} 0"));
                Sent::Top { number }
            }
            Task::Remove(removal) => self::remove(&removal, output),
        })
    }

    /// QUIT may leave together with the last DELE, but not while a message is on
    /// its way: that one could have to be removed as well.
    fn may_quit(&self) -> bool {
        let done = self.tasks.is_empty() && self.removals.is_empty() && self.unanswered == 0;
        done && match self.pace {
            Pace::LockStep => self.sent.is_empty(),
            Pace::Window => self.sent.iter().all(Sent::is_removal),
        }
    }
}

/// The one place that writes DELE: for a message that is committed.
fn remove(removal: &Removal, output: &mut Output) -> Sent {
    let number = removal.number();
    output.line(format_args!("DELE {number}"));
    Sent::Remove { number }
}
