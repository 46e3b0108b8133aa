//! Who runs this program.

/// The number of the user, as permissions count.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether that is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
