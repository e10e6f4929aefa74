//! A policy that refuses, as far as a refusal tells of it. Deliberately absent: when it does, which its text says.

use std::sync::Arc;

use crate::error::Code;

/// One policy that refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its `@id`.
    pub id: Arc<str>,
    /// Its `@code`.
    pub code: Code,
    /// Its `@article`, one by one.
    pub articles: Vec<String>,
    /// Its place in the order of the rules; a site's own stands where its code does.
    pub order: u32,
    /// One of the site's own.
    pub is_site: bool,
}
