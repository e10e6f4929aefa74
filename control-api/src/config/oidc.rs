//! Settings of the identity provider, and which addresses of one may be asked.

use std::path::PathBuf;

use url::{Host, Url};

/// Settings of the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its address; `https`, or `http` on loopback.
    pub issuer: Url,
    /// Our name there.
    pub client_id: String,
    /// The file that holds our secret there.
    pub client_secret_file: PathBuf,
    /// Our `/api/v1/login/oidc/callback` as browsers reach it.
    pub redirect_url: Url,
    /// Values of `acr` that say that the provider asked for a second factor; without one ours is asked for.
    pub second_factor_acr: Vec<String>,
    /// The same for a value among `amr`.
    pub second_factor_amr: Vec<String>,
}

/// True for an address that tokens may be sent to and keys taken from.
pub fn may_be_asked(url: &Url) -> bool {
    url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)
}

/// True for an address by number on this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_over_tls_or_stay_on_the_machine() {
        for (url, fits) in [
            ("https://id.example/token", true),
            ("http://127.0.0.1:8081/token", true),
            ("http://[::1]:8081/token", true),
            ("http://id.example/token", false),
            ("http://localhost/token", false),
            ("http://10.0.0.1/token", false),
            ("ftp://127.0.0.1/token", false),
        ] {
            assert_eq!(may_be_asked(&Url::parse(url).unwrap()), fits, "{url}");
        }
    }
}
