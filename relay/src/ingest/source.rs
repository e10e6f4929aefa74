//! Where a camera's stream is pulled from. A login in the URL is taken out at the door, so that the URL can be logged and
//! the password cannot.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// Longest URL taken; RTSP servers in cameras cut longer ones.
pub const URL_BYTES_MAX: usize = 2_048;

/// Longest user name or password taken.
pub const LOGIN_BYTES_MAX: usize = 256;

/// How a camera's RTP comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Within the RTSP connection (RFC 2326 section 10.12). Nothing is lost between the camera and here.
    #[default]
    Tcp,
    /// As datagrams.
    Udp,
}

/// A login on a camera.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password; `Debug` does not print it.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// One RTSP presentation and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    url: Url,
    credentials: Option<Credentials>,
    transport: Transport,
}

/// Why a source is refused. The text never holds the URL: there may be a password in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSource {
    /// Not a URL at all.
    #[error("source: not a URL ({0}); write rtsp://host:port/path, and %40 for an @ within a password")]
    Syntax(url::ParseError),
    /// A scheme that is not spoken.
    #[error("source: scheme {0:?} is not supported; use rtsp")]
    Scheme(String),
    /// No host.
    #[error("source: the URL names no host")]
    NoHost,
    /// Longer than a camera would take.
    #[error("source: {what} is longer than {max} bytes")]
    TooLong {
        /// What is.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// A login both in the URL and beside it.
    #[error("source: a login is in the URL and beside it; keep one")]
    TwoLogins,
    /// The login in the URL is no text once decoded.
    #[error("source: the login in the URL is not UTF-8")]
    LoginEncoding,
}

impl Source {
    /// Checks a URL and takes the login out of it. `login` is one that was kept apart from it.
    pub fn parse(url: &str, login: Option<Credentials>, transport: Transport) -> Result<Self, BadSource> {
        within("the URL", url, URL_BYTES_MAX)?;
        let mut url = Url::parse(url.trim()).map_err(BadSource::Syntax)?;
        if url.scheme() != "rtsp" {
            return Err(BadSource::Scheme(url.scheme().to_owned()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(BadSource::NoHost);
        }
        let credentials = match (login_of(&url)?, login) {
            (Some(_), Some(_)) => return Err(BadSource::TwoLogins),
            (inside, beside) => inside.or(beside),
        };
        if let Some(login) = &credentials {
            within("the user name", &login.user, LOGIN_BYTES_MAX)?;
            within("the password", &login.password, LOGIN_BYTES_MAX)?;
        }
        url.set_fragment(None);
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_err(|()| BadSource::NoHost)?;
        Ok(Self { url, credentials, transport })
    }

    /// The URL, without a login.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The login, if the camera wants one.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// How RTP comes.
    pub fn transport(&self) -> Transport {
        self.transport
    }
}

fn within(what: &'static str, text: &str, max: usize) -> Result<(), BadSource> {
    if text.len() > max { Err(BadSource::TooLong { what, max }) } else { Ok(()) }
}

fn login_of(url: &Url) -> Result<Option<Credentials>, BadSource> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| BadSource::LoginEncoding)
    };
    Ok(Some(Credentials { user: decode(url.username())?, password: decode(url.password().unwrap_or(""))? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_the_url_is_split_off_and_never_printed() {
        let source = Source::parse("rtsp://admin:p%40ss:w@10.0.0.5:8554/a?b=1#f", None, Transport::Tcp).unwrap();
        assert_eq!(source.url().as_str(), "rtsp://10.0.0.5:8554/a?b=1");
        let login = source.credentials().unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("admin", "p@ss:w"));
        assert!(!format!("{source:?}").contains("p@ss"));
    }

    #[test]
    fn what_cannot_be_dialled_is_refused_without_quoting_it() {
        let beside = Credentials { user: "u".into(), password: "secret".into() };
        let refused = |url: &str| Source::parse(url, Some(beside.clone()), Transport::Udp).unwrap_err();
        assert_eq!(refused("rtsp://u:hidden@h/"), BadSource::TwoLogins);
        assert_eq!(refused("rtsps://h/"), BadSource::Scheme("rtsps".into()));
        assert_eq!(refused("rtsp:///x"), BadSource::NoHost);
        assert!(!refused("rtsp://u:hid#den@h/").to_string().contains("hid"));
        assert!(matches!(refused(&format!("rtsp://h/{}", "x".repeat(3_000))), BadSource::TooLong { .. }));
    }
}
