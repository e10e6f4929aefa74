//! What the configuration says, key by key, for its administrator to look at: as it stands in the file, or the default in force.
//! Deliberately absent: what is secret in it.

use std::collections::BTreeMap;

use control_api::setting::Setting;

/// What stands in place of a secret.
const HIDDEN: &str = "\"***\"";
/// What the name of a key ends with whose value is a secret. The name of a file that holds one is none.
const SECRETS: [&str; 4] = ["secret", "password", "token", "credentials"];

/// The text of each `section.key` that has one.
#[derive(Debug, Default)]
pub(super) struct Shown(BTreeMap<String, String>);

impl Shown {
    /// Keeps what a key says, unless something was kept already: the file comes before the default.
    pub(super) fn set(&mut self, key: &str, text: &str) {
        if !self.0.contains_key(key) {
            let text = if is_secret(key) { HIDDEN.to_owned() } else { without_login(text) };
            self.0.insert(key.to_owned(), text);
        }
    }

    /// Every key that was asked for, with the line that sets it.
    pub(super) fn settings(&self, asked: &BTreeMap<String, Option<usize>>) -> Vec<Setting> {
        let value = |key: &String| self.0.get(key).cloned();
        asked.iter().map(|(key, line)| Setting { key: key.clone(), value: value(key), line: *line }).collect()
    }
}

fn is_secret(key: &str) -> bool {
    SECRETS.iter().any(|end| key.ends_with(end))
}

/// The text with user and password of every URL in it hidden.
fn without_login(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let authority = part.split(['/', '?', '#', '"', '\'', ' ', ',']).next().unwrap_or_default();
        let host = authority.rfind('@').and_then(|at| part.get(at..));
        shown.push_str("://");
        shown.push_str(if host.is_some() { "***" } else { "" });
        shown.push_str(host.unwrap_or(part));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_what_only_names_them_is_not() {
        for (key, text, told) in [
            ("oidc.client_secret", "\"abc\"", HIDDEN),
            ("oidc.client_secret_file", "\"/etc/sluice/oidc.secret\"", "\"/etc/sluice/oidc.secret\""),
            ("ledger.witness_url", "\"https://me:pass@w.example/a?b=c@d\"", "\"https://***@w.example/a?b=c@d\""),
            ("oidc.issuer", "\"https://id.example/a@b\"", "\"https://id.example/a@b\""),
            ("x.list", "[\"http://u:p@a\", \"http://u2@b\"]", "[\"http://***@a\", \"http://***@b\"]"),
        ] {
            let mut shown = Shown::default();
            shown.set(key, text);
            shown.set(key, "\"the default\"");
            assert_eq!(shown.0[key], told);
        }
    }
}
