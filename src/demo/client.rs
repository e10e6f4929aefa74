//! The demo's own client of the API: JSON over one HTTP/1.1 connection a call, on loopback, over TLS where the appliance speaks it.

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::appliance::Reached;
use crate::tls;

/// A connection of either kind.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

/// One sign-in.
pub(super) struct Client {
    reached: Reached,
    token: String,
}

impl Client {
    /// Signs in.
    pub(super) async fn login(reached: &Reached, user: &str, password: &str) -> anyhow::Result<Self> {
        let nobody = Self { reached: reached.clone(), token: String::new() };
        let answer = nobody.post("/api/v1/login", &json!({"user": user, "password": password})).await;
        let answer = answer.with_context(|| format!("sign-in of {user}"))?;
        let token = answer.get("token").and_then(Value::as_str).context("a sign-in gives a token")?.to_owned();
        Ok(Self { token, ..nobody })
    }

    /// POST of JSON.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// PATCH of JSON.
    pub(super) async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// GET.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    async fn connect(&self) -> anyhow::Result<Box<dyn Socket>> {
        let socket = TcpStream::connect(self.reached.api).await?;
        let Some(trust) = &self.reached.trust else { return Ok(Box::new(socket)) };
        let connector = tokio_rustls::TlsConnector::from(tls::client(trust)?);
        Ok(Box::new(connector.connect(self.reached.api.ip().into(), socket).await?))
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let socket = self.connect().await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
        let connection = tokio::spawn(connection);
        let content = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let mut request = Request::builder().method(&method).uri(path).header(HOST, self.reached.api.to_string());
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if !self.token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let answer = sender.send_request(request.body(Full::new(Bytes::from(content)))?).await?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await?.to_bytes();
        connection.abort();
        let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if !status.is_success() {
            bail!("{method} {path}: {status} {value}");
        }
        Ok(value)
    }
}
