//! Whose mail is it: the labelled cases of real mail, and tables of our own.
//!
//! The real messages are not part of the package: where `../shared/mail` is
//! missing, the tests that need it say so and pass.

mod hostile;
mod labelled;
mod office;
mod real;
