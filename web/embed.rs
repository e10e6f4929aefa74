//! The built console's files, as part of the binary. Empty where it was not built (`make web`): the appliance works without it.

use std::borrow::Cow;

#[derive(rust_embed::RustEmbed)]
#[folder = "dist"]
#[allow_missing = true]
struct Dist;

/// One file of it, by its path from `dist/`, such as `index.html` or `assets/index-abc.js.br`.
pub fn file(path: &str) -> Option<Cow<'static, [u8]>> {
    Dist::get(path).map(|file| file.data)
}
