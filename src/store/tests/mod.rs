//! Tests of the store as its callers see it.
mod support;

mod administration;
mod commits;
mod crashes;
mod folders;
mod imports;
mod mailboxes;
mod persons;
mod settling;
mod logins;
mod maildrops;
mod snapshots;
mod sweeps;
mod totals;
mod providers;
mod forgetting;
mod copies;
mod told;
