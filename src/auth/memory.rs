//! The block memory that argon2 works in, owned by us so that it can be given back.
//!
//! glibc keeps freed blocks of 19 MiB: measured, two hashing threads hold 39.5 MiB for ever after
//! their first log-in. It never keeps a block above 32 MiB (the ceiling of its dynamic mmap
//! threshold): such a block is mapped for itself and unmapped when freed. So the capacity is always
//! above that. Only the blocks in use are ever touched, and only touched pages count as memory.

use argon2::Block;

/// Capacity in blocks of 1 KiB, above glibc's largest mmap threshold (32 MiB).
const ALWAYS_MAPPED: usize = 33 * 1024;

/// There is no memory for a hash now. The log-in may be tried again later.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OutOfMemory;

/// Memory for one hash at a time, kept between hashes and given back by [`WorkingMemory::release`]
/// or by dropping it.
#[derive(Default)]
pub(super) struct WorkingMemory {
    blocks: Vec<Block>,
}

impl WorkingMemory {
    /// At least `count` blocks of 1 KiB. What they contain does not matter: argon2 fills them.
    pub(super) fn blocks(&mut self, count: usize) -> Result<&mut [Block], OutOfMemory> {
        if self.blocks.capacity() < count {
            // Without copying: the old content is worth nothing.
            self.release();
            self.blocks
                .try_reserve_exact(count.max(ALWAYS_MAPPED))
                .map_err(|_| OutOfMemory)?;
        }
        if self.blocks.len() < count {
            self.blocks.resize(count, Block::new());
        }
        self.blocks.get_mut(..count).ok_or(OutOfMemory)
    }

    /// Gives the memory back to the system.
    pub(super) fn release(&mut self) {
        self.blocks = Vec::new();
    }

    /// Blocks that hashes have written to since the last release.
    #[cfg(test)]
    pub(super) fn touched(&self) -> usize {
        self.blocks.len()
    }

    /// Whether it holds memory at the moment.
    pub(super) fn is_held(&self) -> bool {
        self.blocks.capacity() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_always_mapped_for_itself_and_released() {
        let mut memory = WorkingMemory::default();
        assert!(!memory.is_held());
        assert_eq!(memory.blocks(8).map(|blocks| blocks.len()), Ok(8));
        assert!(memory.blocks.capacity() * Block::SIZE > 32 << 20);
        assert_eq!(memory.blocks(40_000).map(|blocks| blocks.len()), Ok(40_000));
        assert_eq!(memory.blocks(16).map(|blocks| blocks.len()), Ok(16));
        memory.release();
        assert!(!memory.is_held());
    }
}
