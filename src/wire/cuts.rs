//! Ways to cut what a peer sends, for the invariants of the protocol machines:
//! nothing may depend on them.

/// Where the pieces end that a session receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    /// All in one piece.
    Nowhere,
    /// Behind each LF.
    BehindLines,
    /// Behind so many octets.
    Behind(usize),
}

impl Cuts {
    /// The ways that are compared.
    pub fn of_choice(choice: u8) -> Vec<Cuts> {
        match choice {
            0 => vec![Cuts::BehindLines, Cuts::Behind(1)],
            octets => vec![
                Cuts::Nowhere,
                Cuts::Behind(1),
                Cuts::Behind(usize::from(octets).max(2)),
            ],
        }
    }

    /// Whether the cuts may tell what becomes of the rest at STARTTLS: what comes
    /// in one piece with it is in the clear, and what comes later is not. Pieces
    /// that end with their lines all leave it for the handshake's other side.
    pub fn may_tell_handshake(choice: u8) -> bool {
        choice != 0
    }

    /// The pieces.
    pub fn pieces<'a>(self, input: &'a [u8]) -> Box<dyn Iterator<Item = &'a [u8]> + 'a> {
        match self {
            Cuts::Nowhere => Box::new(input.chunks(input.len().max(1))),
            Cuts::BehindLines => Box::new(input.split_inclusive(|&octet| octet == b'\n')),
            Cuts::Behind(octets) => Box::new(input.chunks(octets)),
        }
    }
}
