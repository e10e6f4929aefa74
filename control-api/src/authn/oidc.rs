//! The identity provider (OpenID Connect, authorization code with PKCE): where to send somebody, and who it says came back. The
//! protocol and its checks are the `openidconnect` crate's; time and HTTP are ours. Deliberately absent: accounts.

mod http;
pub mod visit;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use media::wall::{Clock, Wall};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreJwsSigningAlgorithm, CoreProviderMetadata};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, TokenResponse,
};
use parking_lot::Mutex;
use url::Url;

use crate::config::oidc::Settings;
use crate::mint::{NoEntropy, Token};
use crate::outbound::{Outbound, OutboundError};
use http::Http;

/// How long the provider's description and keys are used before they are asked for again.
const DESCRIPTION_KEPT: Duration = Duration::from_secs(3_600);
/// Signatures taken: what providers use by default, none with a shared secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 4] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why sign-in through the provider cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum OidcStartError {
    /// The secret could not be read.
    #[error("oidc.client_secret_file {}: {error}", path.display())]
    Secret {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The system has no certificates to check the provider's with.
    #[error(transparent)]
    Roots(OutboundError),
}

/// Why a visit to the provider told nothing.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// It does not answer, or not as a provider does.
    #[error("the identity provider does not answer: {0}")]
    Unreachable(String),
    /// It answered, and what it said does not hold.
    #[error("the identity provider's word does not hold: {0}")]
    Refused(String),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

/// What a visit begins with. Prints as nothing.
pub struct Begun {
    /// Where the browser goes.
    pub url: Url,
    /// Comes back with it; once.
    pub state: String,
    /// Stands in the provider's token.
    pub nonce: String,
    /// Shows the provider that whoever began also ends.
    pub verifier: String,
}

/// Whom the provider saw.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// Their name there (`sub`).
    pub subject: String,
    /// It asked for a second factor, as far as the settings say how that shows.
    pub second_factor: bool,
}

/// The provider.
pub struct Oidc {
    settings: Settings,
    secret: ClientSecret,
    http: Http,
    clock: Arc<dyn Clock>,
    /// Its description with its keys, and when it was read on the monotonic line.
    known: Mutex<Option<(Duration, Arc<CoreProviderMetadata>)>>,
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oidc({})", self.settings.issuer)
    }
}

impl Oidc {
    /// Reads the secret. Asks the provider nothing yet. Blocks.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>, outbound: Outbound) -> Result<Self, OidcStartError> {
        let path = &settings.client_secret_file;
        let secret =
            std::fs::read_to_string(path).map_err(|error| OidcStartError::Secret { path: path.clone(), error })?;
        if settings.issuer.scheme() == "https" && !outbound.speaks_tls() {
            return Err(OidcStartError::Roots(OutboundError::NoRoots));
        }
        let secret = ClientSecret::new(secret.trim().to_owned());
        Ok(Self { settings, secret, http: Http(outbound), clock, known: Mutex::default() })
    }

    /// Begins a visit: asks the provider for its description where that is not known.
    pub async fn begin(&self) -> Result<Begun, OidcError> {
        let description = self.description().await?;
        let [state, nonce, verifier] = [Token::fresh()?.text, Token::fresh()?.text, Token::fresh()?.text];
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
        let (given_state, given_nonce) = (CsrfToken::new(state.clone()), Nonce::new(nonce.clone()));
        let client = CoreClient::from_provider_metadata((*description).clone(), self.client_id(), None)
            .set_redirect_uri(self.redirect_url());
        let (url, _, _) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || given_state, || given_nonce)
            .set_pkce_challenge(challenge)
            .url();
        Ok(Begun { url, state, nonce, verifier })
    }

    /// Ends a visit: changes the code that came back for the provider's token, and reads who was there.
    pub async fn finish(&self, code: String, nonce: String, verifier: String) -> Result<Seen, OidcError> {
        let description = self.description().await?;
        let seen = self.finish_with(&description, code, nonce, verifier).await;
        if matches!(seen, Err(OidcError::Refused(_))) {
            // Its keys may have changed since they were read.
            *self.known.lock() = None;
        }
        seen
    }

    async fn finish_with(
        &self,
        description: &CoreProviderMetadata,
        code: String,
        nonce: String,
        verifier: String,
    ) -> Result<Seen, OidcError> {
        let refused = |what: String| OidcError::Refused(what);
        let secret = Some(self.secret.clone());
        let client = CoreClient::from_provider_metadata(description.clone(), self.client_id(), secret)
            .set_redirect_uri(self.redirect_url());
        let exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(|e| refused(e.to_string()))?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(verifier));
        let tokens = exchange.request_async(&self.http).await.map_err(|error| match error {
            openidconnect::RequestTokenError::Request(error) => OidcError::Unreachable(error.to_string()),
            // What it says beside the error's name may repeat what was sent.
            openidconnect::RequestTokenError::ServerResponse(answer) => refused(answer.error().to_string()),
            _ => refused("its answer is no token".into()),
        })?;
        let now = self.clock.wall();
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS).set_time_fn(move || system(now).into());
        let id_token = tokens.id_token().ok_or_else(|| refused("it gave no ID token".into()))?;
        let claims = id_token.claims(&verifier, &Nonce::new(nonce)).map_err(|e| refused(e.to_string()))?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = id_token.signing_alg().map_err(|e| refused(e.to_string()))?;
            let key = id_token.signing_key(&verifier).map_err(|e| refused(e.to_string()))?;
            let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
            if actual.map_err(|e| refused(e.to_string()))? != *expected {
                return Err(refused("the access token is not the one of the ID token".into()));
            }
        }
        let acr = claims.auth_context_ref().map(|acr| acr.as_str());
        let amr = claims.auth_method_refs().map(Vec::as_slice).unwrap_or_default();
        let second_factor = acr.is_some_and(|acr| self.settings.second_factor_acr.iter().any(|known| known == acr))
            || amr.iter().any(|amr| self.settings.second_factor_amr.iter().any(|known| known == amr.as_str()));
        Ok(Seen { subject: claims.subject().to_string(), second_factor })
    }

    /// What the provider says of itself, with its keys.
    async fn description(&self) -> Result<Arc<CoreProviderMetadata>, OidcError> {
        let now = self.clock.monotonic();
        let known = self.known.lock().clone();
        if let Some((_, known)) = known.filter(|(since, _)| now.saturating_sub(*since) < DESCRIPTION_KEPT) {
            return Ok(known);
        }
        let unreachable = |what: &dyn fmt::Display| OidcError::Unreachable(what.to_string());
        let issuer = self.settings.issuer.as_str();
        // Providers write their own name without the slash that a URL without a path has.
        let issuer = if self.settings.issuer.path() == "/" { issuer.trim_end_matches('/') } else { issuer };
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|e| unreachable(&e))?;
        let description =
            CoreProviderMetadata::discover_async(issuer, &self.http).await.map_err(|e| unreachable(&e))?;
        let description = Arc::new(description);
        *self.known.lock() = Some((now, Arc::clone(&description)));
        Ok(description)
    }

    fn client_id(&self) -> ClientId {
        ClientId::new(self.settings.client_id.clone())
    }

    fn redirect_url(&self) -> RedirectUrl {
        RedirectUrl::from_url(self.settings.redirect_url.clone())
    }
}

fn system(at: Wall) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.micros()).unwrap_or(0))
}
