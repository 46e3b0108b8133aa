//! The pure rooms alone, without sockets, disks and clocks: `cargo bench --bench
//! machines`. Beside TLS and the digests this is what a session computes; the rest
//! of its time is the system's.

mod collecting;
mod receiving;
mod routing;

fn main() {
    divan::main();
}
