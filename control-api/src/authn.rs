//! Who is speaking.

pub mod password;
pub mod principal;

pub use password::Passwords;
pub use principal::Principal;
