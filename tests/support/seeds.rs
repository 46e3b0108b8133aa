//! The fuzzers' seeds and what they found (`fuzz/`), for those who do not fuzz.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Inputs made of the files, the same ones in every run.
const MUTATIONS: usize = 3000;
/// What fuzzers take out, put in and double at most.
const PIECE_OCTETS_MAX: usize = 24;

/// Gives every file of `fuzz/seeds/TARGET` and `fuzz/found/TARGET` to a check,
/// and then some thousands of inputs that are mixed from them.
///
/// # Panics
/// When the check does, with the input: put it into `fuzz/found/TARGET`.
pub fn replay(target: &str, check: impl Fn(&[u8])) {
    let mut inputs = Vec::new();
    for folder in ["seeds", "found"] {
        for file in files(&Path::new("fuzz").join(folder).join(target)) {
            let input = fs::read(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
            run(&check, &input, &file.display().to_string());
            inputs.push(input);
        }
    }
    assert!(inputs.len() > 10, "no seeds for {target}");
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    for number in 0..MUTATIONS {
        let one = &inputs[chance.below(inputs.len())];
        let other = &inputs[chance.below(inputs.len())];
        let input = mutate(one, other, &mut chance);
        run(&check, &input, &format!("mutation {number}"));
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    // Nothing may have been found yet.
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn run(check: &impl Fn(&[u8]), input: &[u8], name: &str) {
    let outcome = catch_unwind(AssertUnwindSafe(|| check(input)));
    assert!(outcome.is_ok(), "{name}: b\"{}\"", input.escape_ascii());
}

/// One to four changes: an octet, a piece taken out or put in twice, a piece of
/// the other input.
fn mutate(one: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut input = one.to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(input.len() + 1);
        let end = (at + chance.below(PIECE_OCTETS_MAX)).min(input.len());
        match chance.below(4) {
            0 if at < input.len() => input[at] = chance.next() as u8,
            1 => drop(input.drain(at..end)),
            2 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let from = chance.below(other.len() + 1);
                let to = (from + chance.below(PIECE_OCTETS_MAX)).min(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    input
}

/// xorshift64: the same numbers in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
