//! Tests of the whole session: dialogue files, time, faults, sizes.

mod dialogues;
mod office;
mod sessions;
mod time;
