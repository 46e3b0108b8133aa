//! The directory: from an address to the users who get its mail.

use std::collections::HashMap;
use std::time::Duration;

use crate::mail::{Address, Domain, LocalPart, Recipient};

use super::aliases;
use super::claims::{Claims, Holder, POSTMASTER, describe};
use super::entries::{Alias, Entries, UnknownUser, User};
use super::error::{DirectoryError, DirectoryFault, Place};
use super::multidrop::{Rule, RuleError};

/// How long an address that has just gone is answered "try again later": the
/// time an administrator has to notice a slip before mail is refused for good.
const RECENTLY_GONE: Duration = Duration::from_secs(60 * 60);

/// A user who gets a message, and the reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The user's name.
    pub user: String,
    /// For people: `alias all via sales; user anna`.
    pub why: String,
}

/// Why a recipient is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The domain is not ours.
    NotOurs,
    /// The address is nobody's.
    UnknownUser,
    /// The address was somebody's until less than an hour ago: perhaps a slip.
    RecentlyGone,
    /// The administrator refuses this address.
    Rejected,
}

/// What becomes of a message to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Into these mailboxes; each user once, at least one.
    Deliver(Vec<Target>),
    /// Kept for the administrator to decide.
    Unclaimed {
        /// For people.
        why: String,
    },
    /// Not taken.
    Refused(Refusal),
}

/// A checked snapshot of who is who. See the module's head.
#[derive(Debug)]
pub struct Directory {
    entries: Entries,
    claims: Claims,
    /// The number of the user that `entries.unknown_user` names.
    catch_all: Option<usize>,
    /// What each alias comes down to, in the order of `entries.aliases`.
    expanded: Vec<Vec<Target>>,
    /// By whole address, folded: when it left the directory.
    departed: HashMap<String, Duration>,
    /// For fetched mail that is otherwise unclaimed.
    rules: Vec<Rule>,
}

impl Directory {
    /// Checks the entries and makes a snapshot of them. A directory without
    /// users is one; whether it may be used is the caller's question.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(entries: Entries) -> Result<Directory, DirectoryError> {
        let claims = Claims::of(&entries)?;
        let catch_all = find_catch_all(&entries, &claims)?;
        let expanded = aliases::expand(&entries)?;
        Ok(Directory {
            entries,
            claims,
            catch_all,
            expanded,
            departed: HashMap::new(),
            rules: Vec::new(),
        })
    }

    /// The same snapshot with rules for fetched mail that is otherwise
    /// unclaimed, in the order of the file.
    ///
    /// # Errors
    /// The first rule that is wrong.
    pub fn with_rules(mut self, rules: Vec<Rule>) -> Result<Directory, RuleError> {
        for (number, rule) in rules.iter().enumerate() {
            rule.check(number, &self)?;
        }
        self.rules = rules;
        Ok(self)
    }

    /// The same snapshot, knowing what has left the directory lately: whole
    /// addresses as [`Directory::all_addresses`] gave them, and when they went,
    /// on a clock that never jumps.
    pub fn with_departed(
        mut self,
        departed: impl IntoIterator<Item = (String, Duration)>,
    ) -> Directory {
        self.departed = departed.into_iter().collect();
        self
    }

    /// What becomes of a message to this recipient; `now` is on the clock of
    /// [`Directory::with_departed`].
    pub fn route(&self, recipient: &Recipient, now: Duration) -> Route {
        let (local_part, domain) = match recipient {
            Recipient::Postmaster => (POSTMASTER.to_string(), self.entries.domains.first()),
            Recipient::Address(Address { local_part, domain }) => {
                (local_part.folded(), Some(domain))
            }
        };
        let ours = domain.is_some_and(|domain| self.is_ours(domain));
        match self.claims.holder(&local_part, domain) {
            Some(Holder::Reject) if ours => Route::Refused(Refusal::Rejected),
            Some(holder) if ours => Route::Deliver(self.targets(holder)),
            _ if local_part == POSTMASTER && (ours || *recipient == Recipient::Postmaster) => {
                Route::Unclaimed {
                    why: "postmaster, for whom there is no user and no alias".to_string(),
                }
            }
            _ if ours => self.route_unknown(recipient, &local_part, domain, now),
            _ if self.is_recently_gone(&local_part, domain, now) => {
                Route::Refused(Refusal::RecentlyGone)
            }
            _ => Route::Refused(Refusal::NotOurs),
        }
    }

    /// The user who logs in with this name: a user's name or any of its
    /// addresses, with or without a domain of ours. Aliases have no password.
    pub fn login(&self, name: &str) -> Option<&User> {
        let (local_part, domain) = match Address::parse(name) {
            Ok(address) => (address.local_part, Some(address.domain)),
            Err(_) => (LocalPart::parse(name).ok()?, None),
        };
        if domain.as_ref().is_some_and(|domain| !self.is_ours(domain)) {
            return None;
        }
        match self.claims.holder(&local_part.folded(), domain.as_ref())? {
            Holder::User(user) | Holder::UserAddress { user, .. } => self.entries.users.get(user),
            Holder::Alias(_) | Holder::Reject => None,
        }
    }

    /// Whether mail for this domain is ours to take.
    pub fn is_ours(&self, domain: &Domain) -> bool {
        self.entries.domains.contains(domain)
    }

    /// The domains that are ours, in the order of the file.
    pub fn domains(&self) -> &[Domain] {
        &self.entries.domains
    }

    /// All users, in the order of the file.
    pub fn users(&self) -> &[User] {
        &self.entries.users
    }

    /// All aliases, in the order of the file.
    pub fn aliases(&self) -> &[Alias] {
        &self.entries.aliases
    }

    /// The rules for fetched mail, in the order of the file.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Who holds this very address: users and aliases only, never the
    /// catch-all; nobody where the address is refused. For addresses that a
    /// message merely shows.
    pub fn holders_of(&self, address: &Address) -> Vec<Target> {
        if !self.is_ours(&address.domain) {
            return Vec::new();
        }
        let local_part = address.local_part.folded();
        let holder = self.claims.holder(&local_part, Some(&address.domain));
        holder
            .map(|holder| self.targets(holder))
            .unwrap_or_default()
    }

    /// Whether a user or an alias has this name.
    pub fn has_name(&self, name: &str) -> bool {
        !self.users_named(name).is_empty()
    }

    /// The users behind the name of a user or of an alias.
    pub(super) fn users_named(&self, name: &str) -> Vec<Target> {
        match self.claims.holder(&name.to_lowercase(), None) {
            Some(holder @ (Holder::User(_) | Holder::Alias(_))) => self.targets(holder),
            _ => Vec::new(),
        }
    }

    /// Every address that leads to a user, whole and folded, sorted: what the
    /// store compares from one snapshot to the next to see which have gone.
    pub fn all_addresses(&self) -> Vec<String> {
        let mut addresses = Vec::new();
        for local_part in self.claims.local_parts() {
            for domain in &self.entries.domains {
                match self.claims.holder(local_part, Some(domain)) {
                    Some(Holder::Reject) | None => {}
                    Some(_) => addresses.push(whole_address(local_part, domain)),
                }
            }
        }
        addresses.sort_unstable();
        addresses
    }

    fn targets(&self, holder: Holder) -> Vec<Target> {
        match holder {
            Holder::Alias(alias) => self.expanded.get(alias).cloned().unwrap_or_default(),
            Holder::User(user) | Holder::UserAddress { user, .. } => {
                let user = self.entries.users.get(user);
                let target = user.map(|user| Target {
                    user: user.name.clone(),
                    why: describe(holder, &self.entries),
                });
                target.into_iter().collect()
            }
            Holder::Reject => Vec::new(),
        }
    }

    /// An address in a domain of ours that is nobody's.
    fn route_unknown(
        &self,
        recipient: &Recipient,
        local_part: &str,
        domain: Option<&Domain>,
        now: Duration,
    ) -> Route {
        if let Some(user) = self.catch_all.and_then(|user| self.entries.users.get(user)) {
            return Route::Deliver(vec![Target {
                user: user.name.clone(),
                why: format!("catch-all {}", user.name),
            }]);
        }
        match self.entries.unknown_user {
            UnknownUser::Unclaimed => Route::Unclaimed {
                why: format!("unknown address {recipient}"),
            },
            UnknownUser::Reject if self.is_recently_gone(local_part, domain, now) => {
                Route::Refused(Refusal::RecentlyGone)
            }
            UnknownUser::Reject | UnknownUser::CatchAll(_) => Route::Refused(Refusal::UnknownUser),
        }
    }

    fn is_recently_gone(&self, local_part: &str, domain: Option<&Domain>, now: Duration) -> bool {
        let Some(domain) = domain else { return false };
        let Some(&gone) = self.departed.get(&whole_address(local_part, domain)) else {
            return false;
        };
        now.saturating_sub(gone) < RECENTLY_GONE
    }
}

fn whole_address(local_part: &str, domain: &Domain) -> String {
    format!("{local_part}@{domain}")
}

/// The user who gets what is nobody's, if there is one.
fn find_catch_all(entries: &Entries, claims: &Claims) -> Result<Option<usize>, DirectoryError> {
    let UnknownUser::CatchAll(name) = &entries.unknown_user else {
        return Ok(None);
    };
    let found = match claims.holder(&name.to_lowercase(), None) {
        Some(Holder::User(user)) => return Ok(Some(user)),
        Some(holder @ (Holder::UserAddress { .. } | Holder::Alias(_))) => {
            format!("it is {}", describe(holder, entries))
        }
        Some(Holder::Reject) | None => "there is no such user".to_string(),
    };
    Err(DirectoryError {
        place: Place::UnknownUser,
        fault: DirectoryFault::UnknownCatchAll {
            name: name.clone(),
            found,
        },
    })
}

#[cfg(test)]
mod tests;
