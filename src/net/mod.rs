//! The room `net`.
pub mod current;
pub mod executor;
pub mod limits;
pub mod sessions;
