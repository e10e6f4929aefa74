//! Logging in to a camera: Basic and Digest, as the camera asks for it (RFC 2617; RFC 2326 section 12.5). The arithmetic is a
//! library's; which challenge is answered, and how often, is decided here.

use http_auth::{PasswordClient, PasswordParams};
use media::rtsp::client::Response;

use super::Credentials;

/// Answers to challenges on one connection.
pub(super) struct Login {
    credentials: Option<Credentials>,
    client: Option<PasswordClient>,
}

/// Why no answer can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// The camera wants a login and none is kept.
    #[error("the camera wants a login and the register has none for it")]
    NoLogin,
    /// It offers no scheme that is understood.
    #[error("the camera offers neither Basic nor Digest login")]
    Scheme,
    /// It refused the login.
    #[error("the camera refused the login")]
    Wrong,
}

impl Login {
    pub(super) fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, client: None }
    }

    /// The Authorization header of a request, once the camera has asked for one.
    pub(super) fn header(&mut self, method: &str, uri: &str) -> Option<String> {
        let (client, login) = (self.client.as_mut()?, self.credentials.as_ref()?);
        let params = PasswordParams { username: &login.user, password: &login.password, uri, method, body: Some(&[]) };
        // The library refuses texts that do not fit a header; then the request goes without, and is refused.
        client.respond(&params).ok()
    }

    /// Takes the challenge of a refusal. `answered` says that the refused request had answered one: then only a fresh nonce
    /// is worth a second try.
    pub(super) fn challenged(&mut self, response: &Response, answered: bool) -> Result<(), Refused> {
        if self.credentials.is_none() {
            return Err(Refused::NoLogin);
        }
        let challenges: Vec<&str> = response.headers("WWW-Authenticate").collect();
        let stale = challenges.iter().any(|c| {
            c.to_ascii_lowercase().replace(' ', "").contains("stale=true")
                || c.to_ascii_lowercase().contains("stale=\"true\"")
        });
        if answered && !stale {
            return Err(Refused::Wrong);
        }
        let builder = challenges.iter().fold(PasswordClient::builder(), |builder, c| builder.challenges(c));
        self.client = Some(builder.build().map_err(|_| Refused::Scheme)?);
        Ok(())
    }
}
