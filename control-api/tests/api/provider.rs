//! An identity provider on loopback HTTP, as the specification has it: description, keys, token endpoint with client secret and
//! PKCE. It signs by itself, not with the library under test, and can be told to lie.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256};
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::world::HandClock;

pub(crate) const CLIENT: &str = "sluice";
pub(crate) const SECRET: &str = "the provider's secret of us";

/// What signs.
pub(crate) enum Signer {
    Rsa(aws_lc_rs::rsa::KeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl Signer {
    pub(crate) fn rsa() -> Self {
        Self::Rsa(aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn ecdsa() -> Self {
        Self::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ecdsa(_) => "ES256",
        }
    }

    fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            // PKCS #1: SEQUENCE { INTEGER modulus of 257 bytes, the first 0; INTEGER 65537 }.
            Self::Rsa(pair) => {
                let der = pair.public_key().as_ref();
                json!({"kty": "RSA", "kid": "k", "use": "sig", "alg": "RS256", "n": text(&der[9..265]), "e": "AQAB"})
            }
            Self::Ecdsa(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "alg": "ES256", "x": text(&point[1..33]),
                    "y": text(&point[33..])})
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }

    pub(crate) fn jwt(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "kid": "k", "typ": "JWT"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.sign(message.as_bytes())))
    }
}

/// A browser's visit, kept until its code is changed for a token.
struct Visit {
    asked: HashMap<String, String>,
    /// The claims, and the token in their place where the provider is to lie.
    id_token: Box<dyn FnOnce(Value) -> String + Send>,
    subject: String,
}

/// See the file's first lines.
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) signer: Arc<Signer>,
    clock: Arc<HandClock>,
    visits: Mutex<HashMap<String, Visit>>,
}

impl Provider {
    /// Serves until the test's runtime ends.
    pub(crate) async fn start(signer: Signer, clock: Arc<HandClock>) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Arc::new(Self { issuer, signer: Arc::new(signer), clock, visits: Mutex::default() });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&provider));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    /// Somebody signs in at the provider; the path and query by which the browser goes back.
    pub(crate) fn sign_in(
        &self,
        location: &str,
        subject: &str,
        id_token: impl FnOnce(Value) -> String + Send + 'static,
    ) -> String {
        let url = Url::parse(location).unwrap();
        assert!(location.starts_with(&format!("{}/authorize?", self.issuer)), "{location}");
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let code = format!("code-{}", self.visits.lock().len());
        let back = format!("/api/v1/login/oidc/callback?state={}&code={code}", asked["state"]);
        let visit = Visit { asked, id_token: Box::new(id_token), subject: subject.into() };
        self.visits.lock().insert(code, visit);
        back
    }

    /// The same, telling the truth.
    pub(crate) fn sign_in_honestly(&self, location: &str, subject: &str) -> String {
        let signer = Arc::clone(&self.signer);
        self.sign_in(location, subject, move |claims| signer.jwt(&claims))
    }
}

fn seconds(at: Wall) -> i64 {
    at.micros() / 1_000_000
}

async fn describe(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", provider.issuer);
    Json(json!({
        "issuer": provider.issuer, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
        "jwks_uri": at("keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    }))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(json!({"keys": [provider.signer.jwk()]}))
}

async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> (StatusCode, Json<Value>) {
    let refused = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": error})));
    let known = form.get("code").and_then(|code| provider.visits.lock().remove(code));
    let Some(visit) = known else { return refused("invalid_grant") };
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let ours = format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(CLIENT), encode(SECRET))));
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(ours.as_str()) {
        return refused("invalid_client");
    }
    let verifier = form.get("code_verifier").map(String::as_str).unwrap_or_default();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    if visit.asked["code_challenge"] != challenge || form.get("redirect_uri") != visit.asked.get("redirect_uri") {
        return refused("invalid_grant");
    }
    let now = seconds(provider.clock.wall());
    let claims = json!({
        "iss": provider.issuer, "sub": visit.subject, "aud": CLIENT, "iat": now, "exp": now + 300,
        "nonce": visit.asked["nonce"],
    });
    let id_token = (visit.id_token)(claims);
    (StatusCode::OK, Json(json!({"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": id_token})))
}
