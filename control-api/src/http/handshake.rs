//! The beginning of a connection over TLS: bounded in time, and in how many of one address and in all are under way. A client that speaks
//! plain HTTP by mistake is told so.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use relay::listen::Places;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::metrics::HttpMetrics;

/// One address may have this part of all handshakes under way, so that half-open ones leave room for others.
const ADDRESS_PART: usize = 4;
/// The first byte of a TLS record that holds a handshake (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;
/// What a client without TLS reads.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\
    content-length: 54\r\n\r\n\xe8\xaf\xb7\xe4\xbd\xbf\xe7\x94\xa8 https://\nThis port speaks TLS: use https://\n";

/// How connections become TLS ones.
#[derive(Clone)]
pub struct Handshakes {
    acceptor: TlsAcceptor,
    timeout: Duration,
    places: Arc<Places>,
    under_way: IntGauge,
}

/// Why a handshake came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// Too many are under way.
    Many,
    /// It took too long.
    Late,
    /// The client left, or spoke something else.
    Broken,
    /// The client spoke plain HTTP.
    Plain,
}

impl Handshakes {
    /// Under `config`, each over within `timeout`, `at_once` at most.
    pub fn new(config: Arc<ServerConfig>, timeout: Duration, at_once: usize, metrics: &HttpMetrics) -> Self {
        let places = Places::new(at_once.max(1), (at_once / ADDRESS_PART).max(1));
        Self { acceptor: config.into(), timeout, places, under_way: metrics.handshakes.clone() }
    }

    pub(super) async fn shake(&self, stream: TcpStream, address: IpAddr) -> Result<TlsStream<TcpStream>, Failed> {
        let _place = self.places.take(address).map_err(|_| Failed::Many)?;
        self.under_way.inc();
        let shaken = tokio::time::timeout(self.timeout, self.accept(stream)).await;
        self.under_way.dec();
        shaken.map_err(|_| Failed::Late)?
    }

    async fn accept(&self, mut stream: TcpStream) -> Result<TlsStream<TcpStream>, Failed> {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1) if first == [HANDSHAKE] => {}
            Ok(1) if first[0].is_ascii_uppercase() => {
                // What was sent is read, or the end would overtake the answer as a reset.
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(PLAIN).await;
                return Err(Failed::Plain);
            }
            _ => return Err(Failed::Broken),
        }
        self.acceptor.accept(stream).await.map_err(|error| {
            tracing::debug!(%error, "a TLS handshake came to nothing");
            Failed::Broken
        })
    }
}

impl Failed {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Many => "many",
            Self::Late => "late",
            Self::Broken => "broken",
            Self::Plain => "plain",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_to_plain_clients_has_the_length_it_says() {
        let text = String::from_utf8(PLAIN.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
