//! Copies of a message whose recipients were guessed.
//!
//! Every copy shows the same recipients, so each user gets the first one only.
//! But where the provider stores one copy for each recipient, more copies than
//! visible recipients betray a blind one: that copy is somebody's, and nobody
//! can say whose.

use super::account::Copies;
use super::decision::{Decision, Evidence};

/// How the evidence of such a copy begins.
pub(super) const BLIND_COPY: &str = "a blind copy:";

/// What the store remembers of earlier copies, found by their digest
/// ([`super::CopyDigest`]) within 30 days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Earlier {
    /// How many copies came before this one.
    pub copies: usize,
    /// Who has got one.
    pub users: Vec<String>,
}

/// What becomes of this copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// To be delivered so.
    Deliver(Decision),
    /// Everybody whom it shows has it: nothing to deliver.
    Duplicate,
}

impl Decision {
    /// Compares a decision with the earlier copies of the same message. Only
    /// what mode `guess` decided is ever taken for a duplicate.
    pub fn settle(self, copies: Copies, earlier: &Earlier) -> Settled {
        if !self.is_guess {
            return Settled::Deliver(self);
        }
        let mut decision = self;
        let had_targets = !decision.targets.is_empty();
        decision
            .targets
            .retain(|target| !earlier.users.contains(&target.user));
        if let (Copies::PerRecipient, Some(visible)) = (copies, decision.visible)
            && earlier.copies >= visible
            && decision.unclaimed.is_none()
        {
            let number = earlier.copies + 1;
            decision.unclaimed = Some(Evidence::new(format!(
                "{BLIND_COPY} this is copy {number} of the message, which shows {visible} of our \
                 addresses, and the provider stores one copy for each recipient"
            )));
        }
        // What is unclaimed stays so, however often it comes: each may be meant
        // for somebody else.
        if had_targets && decision.targets.is_empty() && decision.unclaimed.is_none() {
            return Settled::Duplicate;
        }
        Settled::Deliver(decision)
    }
}
