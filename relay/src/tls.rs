//! TLS of one viewer, without a socket: plain bytes in, records out, and the other way round. What carries his bytes sends records as it
//! would send anything else, so that there is one way to send and one way to cut off, with TLS and without. Deliberately absent:
//! handshakes, which are over when he comes here, and certificates.

use std::io::{self, Read as _, Write as _};

use bytes::Bytes;
use rustls::ServerConnection;

/// Ciphertext read at once.
const READ_BYTES: usize = 4 << 10;

/// A connection whose handshake is over.
pub struct Secure {
    connection: ServerConnection,
    /// Plain bytes that came and nobody has taken yet.
    waiting: usize,
    /// The viewer has said that nothing more comes.
    closed: bool,
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secure(..)")
    }
}

impl Secure {
    /// Of a connection that was accepted elsewhere. Fails where what came with its handshake is no TLS.
    pub fn new(mut connection: ServerConnection) -> io::Result<Self> {
        // What is sealed is sent or owed at once; the bound is on what is owed.
        connection.set_buffer_limit(None);
        let state = connection.process_new_packets().map_err(broken)?;
        let (waiting, closed) = (state.plaintext_bytes_to_read(), state.peer_has_closed());
        Ok(Self { connection, waiting, closed })
    }

    /// These bytes as records. They must leave in the order in which they were sealed, and none may be left out.
    pub fn seal(&mut self, plain: &[u8]) -> Bytes {
        // It fails only over a limit, and there is none.
        let _ = self.connection.writer().write_all(plain);
        self.take_records(plain.len())
    }

    /// The record that says that nothing more comes.
    pub fn seal_end(&mut self) -> Bytes {
        self.connection.send_close_notify();
        self.take_records(0)
    }

    fn take_records(&mut self, plain_bytes: usize) -> Bytes {
        // A record of 16 KiB has some 22 bytes around it.
        let mut records = Vec::with_capacity(plain_bytes + plain_bytes / 512 + 64);
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut records).is_err() {
                break;
            }
        }
        records.into()
    }

    /// True where plain bytes wait that the socket no longer tells of.
    pub fn has_waiting(&self) -> bool {
        self.waiting > 0 || self.closed
    }

    /// Reads plain bytes, taking records `from` the socket as they are needed. 0 is the end, as a socket says it; `WouldBlock` where
    /// no whole record has come.
    pub fn read(
        &mut self,
        plain: &mut [u8],
        mut from: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        while !self.has_waiting() {
            let mut buffer = [0; READ_BYTES];
            let len = from(&mut buffer)?;
            if len == 0 {
                return Ok(0);
            }
            self.take(buffer.get(..len).unwrap_or_default())?;
        }
        if self.waiting == 0 {
            return Ok(0);
        }
        let len = self.connection.reader().read(plain)?;
        self.waiting = self.waiting.saturating_sub(len);
        Ok(len)
    }

    fn take(&mut self, mut records: &[u8]) -> io::Result<()> {
        while !records.is_empty() {
            self.connection.read_tls(&mut records)?;
            let state = self.connection.process_new_packets().map_err(broken)?;
            (self.waiting, self.closed) = (state.plaintext_bytes_to_read(), state.peer_has_closed());
        }
        Ok(())
    }
}

fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
