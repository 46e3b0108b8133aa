//! The room `hub`.
