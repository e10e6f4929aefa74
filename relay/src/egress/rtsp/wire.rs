//! A viewer's connection before he is admitted, with TLS or without: the handshake, a request at a time, an answer.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::tls::Secure;

/// A handshake must be over by then.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Wire {
    pub(super) socket: TcpStream,
    pub(super) secure: Option<Secure>,
}

impl Wire {
    pub(super) const fn plain(socket: TcpStream) -> Self {
        Self { socket, secure: None }
    }

    /// None where the handshake came to nothing.
    pub(super) async fn handshake(socket: TcpStream, acceptor: &TlsAcceptor) -> Option<Self> {
        let shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await.ok()?.ok()?;
        let (socket, connection) = shaken.into_inner();
        Some(Self { socket, secure: Some(Secure::new(connection).ok()?) })
    }

    /// Until `try_read` has something to say.
    pub(super) async fn readable(&self) {
        if self.secure.as_ref().is_some_and(|secure| secure.has_waiting()) {
            return;
        }
        // What is wrong with the socket is said by the read.
        let _ = self.socket.readable().await;
    }

    pub(super) fn try_read(&mut self, plain: &mut [u8]) -> io::Result<usize> {
        let socket = &self.socket;
        match &mut self.secure {
            Some(secure) => secure.read(plain, |bytes| socket.try_read(bytes)),
            None => socket.try_read(plain),
        }
    }

    pub(super) async fn write_all(&mut self, plain: &[u8]) -> io::Result<()> {
        match &mut self.secure {
            Some(secure) => {
                let records = secure.seal(plain);
                self.socket.write_all(&records).await
            }
            None => self.socket.write_all(plain).await,
        }
    }

    /// The end, behind what was written.
    pub(super) async fn shut_down(&mut self) -> io::Result<()> {
        if let Some(secure) = &mut self.secure {
            let end = secure.seal_end();
            self.socket.write_all(&end).await?;
        }
        self.socket.shutdown().await
    }
}
