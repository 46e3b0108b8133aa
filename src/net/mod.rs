//! Sockets, TLS, threads and time: what drives the pure machines.
//!
//! One task for each connection; a driver ([`smtp_server`], [`pop3_server`])
//! runs its machine in one `match`. Whatever waits here has a limit, and every
//! limit a name. This room decides nothing about mail: who gets it is `route`'s
//! affair, where it lies `store`'s.

pub mod connection;
pub mod current;
pub mod executor;
pub mod fetcher;
pub mod figures;
pub mod limits;
pub mod listen;
pub mod listener;
pub mod message_memory;
pub mod metrics;
pub mod networks;
pub mod office;
pub mod outage;
pub mod pop3_server;
pub mod sessions;
pub mod smtp_server;
pub mod tls;
pub mod troubles;
