//! Ctrl-C: the terminal is given back as it was, and what is being written is
//! written to its end.

use std::io;
use std::process::{Command, Stdio, exit};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use async_signal::{Signal, Signals};
use smol::stream::StreamExt;

use super::asker::{Asker, Stop};

/// What a shell calls the end by SIGINT.
const EXIT_CODE: i32 = 130;
/// Questions hide it while a choice is made.
const SHOW_CURSOR: &str = "\x1b[?25h";
/// The end comes at once; this is for a thread that was never started.
const END_LIMIT: Duration = Duration::from_secs(5);

/// How far the setup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing is written.
    Asking,
    /// An interruption now would leave half an office.
    Writing,
    /// All files are there.
    Written,
}

/// Watches for the interruption until the command ends.
pub struct Interrupt {
    stage: Arc<Mutex<Stage>>,
}

impl Interrupt {
    /// # Errors
    /// The system gives no signals.
    pub fn watch(asker: Asker) -> Result<Interrupt, Stop> {
        let stage = Arc::new(Mutex::new(Stage::Asking));
        let seen = Arc::clone(&stage);
        let terminal = asker.is_person().then(Terminal::remember);
        let mut signals = Signals::new([Signal::Int])?;
        let watch = move || {
            while let Some(Ok(_)) = smol::block_on(signals.next()) {
                // Held until the end, so that no writing begins.
                let stage = seen.lock().unwrap_or_else(PoisonError::into_inner);
                let said = match *stage {
                    Stage::Writing => continue,
                    Stage::Asking => "nothing is written",
                    Stage::Written => {
                        "the files are written; postroom check says how it stands, and systemctl enable --now \
                         postroom starts the hub"
                    }
                };
                if let Some(terminal) = &terminal {
                    terminal.give_back();
                }
                eprintln!("\npostroom: interrupted; {said}");
                exit(EXIT_CODE);
            }
        };
        let watch = thread::Builder::new()
            .name("interrupt".to_string())
            .spawn(watch);
        watch?;
        Ok(Interrupt { stage })
    }

    /// What an interruption meets from now on.
    pub fn enter(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

/// What a question came to. One that was interrupted ends with the process, in
/// the other thread.
pub fn heard<T>(answer: Result<T, dialoguer::Error>) -> Result<T, Stop> {
    answer.map_err(|why| {
        let dialoguer::Error::IO(why) = why;
        if why.kind() == io::ErrorKind::Interrupted {
            thread::sleep(END_LIMIT);
        }
        Stop::from(why)
    })
}

/// How the terminal was set, by stty(1).
struct Terminal(Option<String>);

impl Terminal {
    fn remember() -> Terminal {
        let set = Command::new("stty")
            .arg("-g")
            .stdin(Stdio::inherit())
            .output();
        let set = set.ok().filter(|set| set.status.success());
        Terminal(set.map(|set| String::from_utf8_lossy(&set.stdout).trim().to_string()))
    }

    /// While a password is typed nothing is shown, and a choice hides the cursor.
    fn give_back(&self) {
        eprint!("{SHOW_CURSOR}");
        if let Some(set) = &self.0 {
            // Without it the shell's own line editor does the same, mostly.
            let _ = Command::new("stty").arg(set).status();
        }
    }
}
