//! Requests and answers on a camera's RTSP connection, one after the other. Interleaved packets that come in between are
//! passed over: nothing is played yet. What is read is bounded whatever the camera sends.

use media::rtsp::client::{self, Cut, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

use super::login::Login;
use super::reason::Stage;
use super::{Failure, Reason, Source};

/// RTSP's port (RFC 2326 section 3.2).
const PORT: u16 = 554;
/// Read at once.
const READ_BYTES: usize = 4 << 10;
/// Things passed over while an answer is awaited: a camera that plays already sends some hundred packets meanwhile.
const PASSED_OVER_MAX: usize = 4_096;
/// Tries of one request: as it is, with a login, and once more with a fresh nonce.
const TRIES_MAX: usize = 3;

/// A connection before PLAY.
pub(super) struct Conversation {
    pub(super) socket: TcpStream,
    /// Bytes that were read and not used.
    pub(super) unread: Vec<u8>,
    login: Login,
    cseq: u32,
    session: Option<String>,
}

impl Conversation {
    /// Connects.
    pub(super) async fn connect(source: &Source) -> Result<Self, Failure> {
        let socket = open(source.url()).await?;
        // Keep-alives are small and must not wait.
        let _ = socket.set_nodelay(true);
        let login = Login::new(source.credentials().cloned());
        Ok(Self { socket, unread: Vec::new(), login, cseq: 0, session: None })
    }

    /// The session's id, once the camera gave one.
    pub(super) fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Asks, logs in where that is wanted, and gives a favourable answer.
    pub(super) async fn ask(
        &mut self,
        stage: Stage,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response, Failure> {
        let mut answered = false;
        for _ in 0..TRIES_MAX {
            let authorization = self.login.header(method, uri);
            answered |= authorization.is_some();
            let request = self.request(method, uri, headers, authorization.as_deref());
            self.socket.write_all(&request).await.map_err(|error| Failure::of_io(&error))?;
            let response = self.answer().await?;
            match response.status {
                200..300 => {
                    // Some cameras give another id with each answer: the first one counts.
                    if self.session.is_none() {
                        self.session = response.session().map(|(id, _)| id.to_owned());
                    }
                    return Ok(response);
                }
                401 => self
                    .login
                    .challenged(&response, answered)
                    .map_err(|why| Failure::new(Reason::AuthFailed, format!("{method}: {why}")))?,
                status => {
                    let detail = format!("{method} is answered with status {status}");
                    return Err(Failure::new(Reason::of_status(stage, status), detail));
                }
            }
        }
        Err(Failure::new(Reason::AuthFailed, format!("{method}: the camera asks for the login again and again")))
    }

    /// The bytes of a request; also for one whose answer is read elsewhere.
    pub(super) fn request(
        &mut self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        authorization: Option<&str>,
    ) -> Vec<u8> {
        self.cseq += 1;
        let agent = concat!("Sluice/", env!("CARGO_PKG_VERSION"));
        let own = [("User-Agent", Some(agent)), ("Session", self.session()), ("Authorization", authorization)];
        let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let all: Vec<(&str, &str)> = own.chain(headers.iter().copied()).collect();
        client::request(method, uri, self.cseq, &all)
    }

    /// A request without waiting for its answer, logged in like the others.
    pub(super) fn further_request(&mut self, method: &str, uri: &str) -> Vec<u8> {
        let authorization = self.login.header(method, uri);
        self.request(method, uri, &[], authorization.as_deref())
    }

    async fn answer(&mut self) -> Result<Response, Failure> {
        for _ in 0..PASSED_OVER_MAX {
            let used =
                match client::cut(&self.unread).map_err(|fault| Failure::new(Reason::Protocol, fault.to_string()))? {
                    Cut::Response { response, used } => {
                        self.unread.drain(..used);
                        // An answer to an earlier request, or one without a number, which can only be the one awaited.
                        if response.cseq().is_none_or(|cseq| cseq == self.cseq) {
                            return Ok(response);
                        }
                        continue;
                    }
                    Cut::Data { used, .. } | Cut::Request { used } => used,
                    Cut::Partial => {
                        self.read().await?;
                        continue;
                    }
                };
            self.unread.drain(..used);
        }
        Err(Failure::new(Reason::Protocol, "the camera sends everything but an answer"))
    }

    async fn read(&mut self) -> Result<(), Failure> {
        let mut buffer = [0; READ_BYTES];
        match self.socket.read(&mut buffer).await {
            Ok(0) => Err(Failure::new(Reason::ClosedByCamera, "the camera closed the connection")),
            Ok(read) => {
                self.unread.extend_from_slice(buffer.get(..read).unwrap_or_default());
                Ok(())
            }
            Err(error) => Err(Failure::of_io(&error)),
        }
    }
}

async fn open(url: &Url) -> Result<TcpStream, Failure> {
    let port = url.port().unwrap_or(PORT);
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let addresses = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| Failure::new(Reason::Dns, format!("{host}: {error}")))?;
    let mut last = Failure::new(Reason::Dns, format!("{host} has no address"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = Failure::of_connect(&error),
        }
    }
    Err(last)
}
