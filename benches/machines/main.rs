//! The pure rooms alone, without sockets, disks and clocks: `cargo bench --bench
//! machines`. What these cost is all that a session computes; the rest of its
//! time is the system's.

mod collecting;
mod receiving;
mod routing;

fn main() {
    divan::main();
}
