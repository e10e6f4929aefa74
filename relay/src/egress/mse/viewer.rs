//! One viewer by MSE on the core that has his seat: a task that hears what he can play, answers, and is then woken for his words, a full
//! socket and the end. At the end he is told why, where nothing of a frame stands in the way.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd as _;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media::frame::StreamInfo;
use media::mse::{self, Answer, Playable};
use socket2::SockRef;
use tokio::net::TcpStream;

use super::Arrival;
use super::words::{READ_BYTES, Said, Words};
use crate::core::Local;
use crate::directory::Stream;
use crate::egress::Stage;
use crate::egress::fan::{Attention, Fan, Fans, Seat, Trouble};
use crate::lease::EndReason;
use crate::listen;

/// So long he may take to say what he can play.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// So long the last words may take to be taken, after the session's end is on record.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// Close codes (RFC 6455 section 7.4): as he wished; and, of the range that is free for applications, the session is over; what he wants
/// cannot be had.
const CLOSE_NORMAL: u16 = 1000;
const CLOSE_ENDED: u16 = 4000;
const CLOSE_REFUSED: u16 = 4001;
const CAMERA_LOST: &str = EndReason::CameraLost.as_str();

pub(super) struct Viewer {
    seat: Rc<Seat>,
    fan: Rc<Fan>,
    peer: SocketAddr,
    words: Words,
    stream: Stream,
    stage: Arc<Stage>,
    /// He has said what he can play.
    begun: bool,
}

/// Why a viewer's task is over.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the lease is over: {0:?}")]
    Told(EndReason),
    #[error("the viewer left")]
    Left,
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("protocol fault: {0}")]
    Fault(&'static str),
    #[error("the viewer cannot play {0}")]
    Unplayable(String),
    #[error("the viewer did not take what was sent")]
    TooSlow,
    #[error("the stream is over, or another one")]
    CameraLost,
}

enum Wake {
    Ended(EndReason),
    Readable,
    Attention(Attention),
    Silent,
}

impl Viewer {
    /// A viewer from his arrival to his end.
    pub(super) fn run(arrival: Arrival, stage: Arc<Stage>, local: &Rc<Local>) -> impl Future<Output = ()> + use<> {
        let viewer = Self::of(arrival, stage, local);
        async move {
            let Some(mut viewer) = viewer else { return };
            let end = viewer.serve().await;
            viewer.close(&end).await;
        }
    }

    /// None where the socket cannot be watched; he has left then.
    fn of(arrival: Arrival, stage: Arc<Stage>, local: &Rc<Local>) -> Option<Self> {
        let Arrival { socket, secure, peer, read_ahead, admitted, stream } = arrival;
        let Ok(socket) = TcpStream::from_std(socket) else {
            admitted.leave(EndReason::Network);
            return None;
        };
        let fan = local.common(Fans::default).of(&stream, local, || stage.fan_parts());
        let seat = fan.seat(socket, secure, admitted);
        Some(Self { seat, fan, peer, words: Words::new(&read_ahead), stream, stage, begun: false })
    }

    async fn serve(&mut self) -> End {
        let seat = Rc::clone(&self.seat);
        let mut ended = pin!(seat.admitted().ended());
        let mut silent = pin!(tokio::time::sleep(BEGIN_TIMEOUT));
        loop {
            if let Err(end) = self.answer().await {
                return end;
            }
            let (waits, reads) = (!self.begun, self.fan.takes_words(&seat));
            let wake = tokio::select! {
                biased;
                reason = ended.as_mut() => Wake::Ended(reason),
                _ = poll_fn(|cx| seat.poll_read_ready(cx)), if reads => Wake::Readable,
                attention = poll_fn(|cx| seat.poll_attention(cx)) => Wake::Attention(attention),
                () = silent.as_mut(), if waits => Wake::Silent,
            };
            if let Err(end) = self.handle(wake) {
                return end;
            }
        }
    }

    fn handle(&mut self, wake: Wake) -> Result<(), End> {
        match wake {
            Wake::Ended(reason) => Err(End::Told(reason)),
            Wake::Readable => self.read(),
            Wake::Attention(Attention::Writable) => {
                self.fan.resume(&self.seat);
                Ok(())
            }
            Wake::Attention(Attention::Trouble(Trouble::Over)) => Err(End::CameraLost),
            Wake::Attention(Attention::Trouble(Trouble::TooSlow)) => Err(End::TooSlow),
            Wake::Attention(Attention::Trouble(Trouble::Broken(error))) => Err(End::Broken(error)),
            Wake::Silent => Err(End::Fault("no_beginning")),
        }
    }

    fn read(&mut self) -> Result<(), End> {
        let mut buffer = [0; READ_BYTES];
        match self.seat.try_read(&mut buffer) {
            Ok(0) => Err(End::Left),
            Ok(len) => {
                self.words.handle_bytes(buffer.get(..len).unwrap_or_default());
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(End::Broken(error)),
        }
    }

    /// Hears and answers all that came.
    async fn answer(&mut self) -> Result<(), End> {
        while let Some(said) = self.words.poll_said() {
            match said {
                Said::Text(text) if !self.begun => self.begin(&text).await?,
                // Players say more to servers that do more; nothing of it is for us.
                Said::Text(_) => {}
                Said::Left => return Err(End::Left),
                Said::Fault(fault) => return Err(End::Fault(fault)),
            }
        }
        self.say_output();
        Ok(())
    }

    /// He says what he can play: the answer, and his frames behind it.
    async fn begin(&mut self, text: &str) -> Result<(), End> {
        let playable = Playable::parse(text).ok_or(End::Fault("no_beginning"))?;
        self.begun = true;
        let info = self.description().await?;
        match mse::choose(&info, &playable) {
            Answer::Plays { tracks, reply, left_out } => {
                self.say(&reply);
                if !left_out.is_empty() {
                    self.say(&mse::notice("audio_left_out", &left_out.into()));
                }
                self.fan.cue_chunks(&self.seat, info, &tracks);
                self.fan.start(&self.seat);
                Ok(())
            }
            Answer::Nothing { codec } => Err(End::Unplayable(codec)),
        }
    }

    async fn description(&self) -> Result<Arc<StreamInfo>, End> {
        tokio::select! {
            reason = self.seat.admitted().ended() => Err(End::Told(reason)),
            info = self.stage.description(&self.stream) => info.ok_or(End::CameraLost),
        }
    }

    fn say(&self, text: &str) {
        self.fan.say(&self.seat, mse::text(text));
    }

    fn say_output(&mut self) {
        while let Some(bytes) = self.words.poll_output() {
            self.fan.say(&self.seat, bytes);
        }
    }

    /// The last words, for where whole messages stand before them and nothing of those waits: what was sent before must not arrive
    /// late for their sake.
    fn farewell(&mut self, end: &End) -> Option<Bytes> {
        self.fan.stop(&self.seat);
        let waiting = uring::unsent_bytes(self.seat.socket().as_fd()).map_or(true, |bytes| bytes > 0);
        if waiting || !self.fan.owes_nothing(&self.seat) {
            return None;
        }
        let (text, code, reason) = match end {
            End::Told(reason) => (Some(mse::ended(reason.as_str())), CLOSE_ENDED, reason.as_str()),
            End::CameraLost => (Some(mse::ended(CAMERA_LOST)), CLOSE_ENDED, CAMERA_LOST),
            End::Unplayable(codec) => (Some(mse::unplayable(codec)), CLOSE_REFUSED, "unplayable"),
            End::Fault(fault) => (None, CLOSE_REFUSED, *fault),
            End::Left => (None, CLOSE_NORMAL, ""),
            End::Broken(_) | End::TooSlow => return None,
        };
        let mut words = text.map(|text| mse::text(&text).to_vec()).unwrap_or_default();
        self.words.close(code, reason);
        while let Some(bytes) = self.words.poll_output() {
            words.extend_from_slice(&bytes);
        }
        Some(self.seat.last_words(words))
    }

    /// The end goes on record with the last media byte behind it; the words that say why may take a moment longer.
    async fn close(mut self, end: &End) {
        tracing::debug!(session = %self.seat.admitted().session().0, peer = %self.peer, %end, "MSE connection over");
        let words = self.farewell(end);
        match end {
            End::Fault(fault) => self.stage.metrics.mse_faults.with_label_values(&[*fault]).inc(),
            End::Unplayable(_) => self.stage.metrics.mse_faults.with_label_values(&["unplayable"]).inc(),
            _ => {}
        }
        let Some((socket, admitted)) = self.seat.into_parts() else { return };
        match words {
            Some(words) => drop(tokio::task::spawn_local(last_taken(socket, words))),
            // Refused only for a socket that is closed already.
            None => {
                let _ = listen::cut_off(&socket);
            }
        }
        match end {
            End::Told(reason) => admitted.leave(*reason),
            End::Left => admitted.leave(EndReason::User),
            End::Broken(_) | End::Fault(_) | End::Unplayable(_) => admitted.leave(EndReason::Network),
            End::TooSlow => admitted.end_session(EndReason::TooSlow),
            End::CameraLost => admitted.end_session(EndReason::CameraLost),
        }
    }
}

/// Lets the viewer take the last words: a socket that is closed with something unread takes back what it has sent.
async fn last_taken(socket: TcpStream, words: Bytes) {
    // There is room, since nothing waits.
    let taken = socket.try_write(&words).is_ok_and(|taken| taken == words.len());
    if !taken || SockRef::from(&socket).shutdown(Shutdown::Write).is_err() {
        return;
    }
    let drained = async {
        let mut buffer = [0; READ_BYTES];
        while socket.readable().await.is_ok() {
            match socket.try_read(&mut buffer) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return,
            }
        }
    };
    // Whoever has not taken them by now does not want them.
    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, drained).await;
}
