//! Who holds which address, and that nobody holds another's.

use std::collections::{BTreeMap, HashMap};

use crate::mail::Domain;

use super::entries::{Alias, Entries, OwnAddress, User};
use super::error::{DirectoryError, DirectoryFault, Place};

/// The name that every mail server must know (RFC 5321 §4.5.1).
pub(super) const POSTMASTER: &str = "postmaster";

/// Who an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// The user of this number, by name.
    User(usize),
    /// The user of this number, by one of its addresses.
    UserAddress { user: usize, address: usize },
    /// The alias of this number.
    Alias(usize),
    /// Nobody, by the administrator's will.
    Reject,
}

/// The holders of one local part.
#[derive(Debug, Default)]
pub(super) struct Holders {
    /// In every domain of ours that `bound` does not name.
    everywhere: Option<Holder>,
    /// In this domain only.
    bound: BTreeMap<Domain, Holder>,
}

/// All addresses of ours, by folded local part.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<String, Holders>);

impl Claims {
    /// Claims everything that the entries name.
    ///
    /// # Errors
    /// A bad name, a foreign domain, an address with two holders.
    pub(super) fn of(entries: &Entries) -> Result<Claims, DirectoryError> {
        let mut claims = Claims::default();
        for (number, user) in entries.users.iter().enumerate() {
            claims.add_user(number, user, entries)?;
        }
        for (number, alias) in entries.aliases.iter().enumerate() {
            claims.add_alias(number, alias, entries)?;
        }
        for (number, address) in entries.reject.iter().enumerate() {
            claims.add_reject(number, address, entries)?;
        }
        Ok(claims)
    }

    /// The entry with the domain goes before the one without.
    pub(super) fn holder(&self, local_part: &str, domain: Option<&Domain>) -> Option<Holder> {
        let holders = self.0.get(local_part)?;
        let bound = domain.and_then(|domain| holders.bound.get(domain));
        bound.copied().or(holders.everywhere)
    }

    /// Every local part that somebody holds somewhere, in no order.
    pub(super) fn local_parts(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    fn add_user(
        &mut self,
        number: usize,
        user: &User,
        entries: &Entries,
    ) -> Result<(), DirectoryError> {
        let fail = |fault| DirectoryError {
            place: Place::User(number),
            fault,
        };
        if !is_user_name(&user.name) {
            return Err(fail(DirectoryFault::UserName(user.name.clone())));
        }
        let name = user.name.to_lowercase();
        if name == "reject" || name == "unclaimed" {
            return Err(fail(DirectoryFault::ReservedName(name)));
        }
        self.claim(&name, None, Holder::User(number), entries)
            .map_err(fail)?;
        for (address_number, address) in user.addresses.iter().enumerate() {
            let fail = |fault| DirectoryError {
                place: Place::UserAddress {
                    user: number,
                    address: address_number,
                },
                fault,
            };
            check_domain(address, entries).map_err(fail)?;
            let holder = Holder::UserAddress {
                user: number,
                address: address_number,
            };
            self.claim(address.local_part(), address.domain(), holder, entries)
                .map_err(fail)?;
        }
        Ok(())
    }

    fn add_alias(
        &mut self,
        number: usize,
        alias: &Alias,
        entries: &Entries,
    ) -> Result<(), DirectoryError> {
        let fail = |fault| DirectoryError {
            place: Place::Alias(number),
            fault,
        };
        let address = OwnAddress::parse(&alias.name).map_err(|reason| {
            fail(DirectoryFault::AliasName {
                name: alias.name.clone(),
                reason,
            })
        })?;
        if address.domain().is_some() {
            return Err(fail(DirectoryFault::AliasWithDomain(alias.name.clone())));
        }
        self.claim(address.local_part(), None, Holder::Alias(number), entries)
            .map_err(fail)
    }

    /// A refused address may be narrower than somebody's, or wider; it may not
    /// be the same.
    fn add_reject(
        &mut self,
        number: usize,
        address: &OwnAddress,
        entries: &Entries,
    ) -> Result<(), DirectoryError> {
        let fail = |fault| DirectoryError {
            place: Place::Reject(number),
            fault,
        };
        check_domain(address, entries).map_err(fail)?;
        if address.local_part() == POSTMASTER {
            return Err(fail(DirectoryFault::RejectsPostmaster(address.to_string())));
        }
        let holders = self.holders_of(address.local_part());
        let place = match address.domain() {
            Some(domain) => holders.bound.get(domain).copied(),
            None => holders.everywhere,
        };
        match place {
            None | Some(Holder::Reject) => {}
            Some(holder) => {
                return Err(fail(DirectoryFault::RejectsHeld {
                    address: address.to_string(),
                    holder: describe(holder, entries),
                }));
            }
        }
        holders.put(address.domain(), Holder::Reject);
        Ok(())
    }

    /// Two different holders of one address are an error wherever they meet:
    /// an entry without a domain holds in every domain, so also in one that
    /// another entry names.
    fn claim(
        &mut self,
        local_part: &str,
        domain: Option<&Domain>,
        holder: Holder,
        entries: &Entries,
    ) -> Result<(), DirectoryFault> {
        let holders = self.holders_of(local_part);
        let bound = holders.bound.iter();
        let bound = bound.filter(|(other, _)| domain.is_none_or(|domain| domain == *other));
        let meeting = holders
            .everywhere
            .iter()
            .chain(bound.map(|(_, other)| other));
        for &other in meeting {
            if other.user().is_none() || other.user() != holder.user() {
                return Err(DirectoryFault::Claimed {
                    address: describe(holder, entries),
                    holder: describe(other, entries),
                });
            }
        }
        holders.put(domain, holder);
        Ok(())
    }

    fn holders_of(&mut self, local_part: &str) -> &mut Holders {
        self.0.entry(local_part.to_string()).or_default()
    }
}

impl Holders {
    /// Puts a holder where none is yet: a user's name goes before the same
    /// name among its addresses.
    fn put(&mut self, domain: Option<&Domain>, holder: Holder) {
        match domain {
            Some(domain) => {
                self.bound.entry(domain.clone()).or_insert(holder);
            }
            None => {
                self.everywhere.get_or_insert(holder);
            }
        }
    }
}

impl Holder {
    fn user(self) -> Option<usize> {
        match self {
            Holder::User(user) | Holder::UserAddress { user, .. } => Some(user),
            Holder::Alias(_) | Holder::Reject => None,
        }
    }
}

/// A holder in words: `user anna`, `address info@example.com of anna`.
pub(super) fn describe(holder: Holder, entries: &Entries) -> String {
    let user_name = |user: usize| entries.users.get(user).map_or("", |user| &user.name);
    match holder {
        Holder::User(user) => format!("user {}", user_name(user)),
        Holder::UserAddress { user, address } => {
            let addresses = entries.users.get(user).map(|user| &user.addresses);
            let address = addresses.and_then(|addresses| addresses.get(address));
            let address = address.map(OwnAddress::to_string).unwrap_or_default();
            format!("address {address} of {}", user_name(user))
        }
        Holder::Alias(alias) => {
            let name = entries.aliases.get(alias).map_or("", |alias| &alias.name);
            format!("alias {name}")
        }
        Holder::Reject => "reject".to_string(),
    }
}

/// Names that are safe as a local part without quotes, in a URL, in a log and
/// as the name of a folder.
fn is_user_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(good)
}

fn check_domain(address: &OwnAddress, entries: &Entries) -> Result<(), DirectoryFault> {
    match address.domain() {
        Some(domain) if !entries.domains.contains(domain) => Err(DirectoryFault::ForeignDomain {
            address: address.to_string(),
            domain: domain.to_string(),
        }),
        _ => Ok(()),
    }
}
