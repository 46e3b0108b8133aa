//! The room `pop3`.
