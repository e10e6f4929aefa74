//! A recording over HLS under a lease: the recorder's pieces, handed on in small chunks, each only while the lease holds.
//! Deliberately absent: what the pieces are (the recorder's) and whether the lease is good (the relay's).

use axum::body::{Body, Bytes};
use futures_util::future::BoxFuture;
use futures_util::stream;
use media::mark::Pen;
use recorder::{Playback, PlaybackError, Range};
use relay::admission::Admitted;
use relay::lease::Content;

/// The playlist's name under a token; every other name is a piece's.
pub const PLAYLIST: &str = "index.m3u8";
/// The name of a download under a token.
pub const DOWNLOAD: &str = "recording.mp4";
/// The playlist's media type (RFC 8216 section 4).
pub const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
/// Bytes handed on at a time: what can still leave after a revocation.
const CHUNK_BYTES: usize = 64 << 10;

/// A file, and a number that tells it from any other.
pub type WholeFile = (Box<dyn Piece>, u64);

/// The recorder's side of playback.
pub trait PlaybackPort: Send + Sync + 'static {
    /// The range as an HLS playlist (RFC 8216); its pieces' names are relative to it.
    fn playlist(&self, range: Range) -> BoxFuture<'_, Result<String, PlaybackError>>;

    /// A piece by the name that the playlist gives it, as a copy that `pen` marks. One that lies outside the range is none.
    fn open<'a>(
        &'a self,
        range: Range,
        name: &'a str,
        pen: Pen,
    ) -> BoxFuture<'a, Result<Box<dyn Piece>, PlaybackError>>;

    /// The whole range as one file, as a copy that `pen` marks, and a number that tells it from any other.
    fn download(&self, range: Range, pen: Pen) -> BoxFuture<'_, Result<WholeFile, PlaybackError>>;
}

/// A piece, or a file, that is being read.
pub trait Piece: Send {
    /// Leaves out what lies before this byte, as far as that is cheap; what is left of it is read and thrown away. Gives how many bytes
    /// were left out. To be called before anything is read.
    fn seek(&mut self, _from: u64) -> u64 {
        0
    }

    /// Its bytes in all.
    fn bytes(&self) -> u64;
    /// Its media type.
    fn media_type(&self) -> &'static str;
    /// The next part of it; none at its end.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PlaybackError>>>;
}

impl PlaybackPort for Playback {
    fn playlist(&self, range: Range) -> BoxFuture<'_, Result<String, PlaybackError>> {
        Box::pin(self.playlist_async(range, String::new()))
    }

    fn open<'a>(
        &'a self,
        range: Range,
        name: &'a str,
        pen: Pen,
    ) -> BoxFuture<'a, Result<Box<dyn Piece>, PlaybackError>> {
        Box::pin(async move { Ok(Box::new(Self::open(self, range, name, pen).await?) as Box<dyn Piece>) })
    }

    fn download(&self, range: Range, pen: Pen) -> BoxFuture<'_, Result<WholeFile, PlaybackError>> {
        Box::pin(async move {
            let file = Self::download(self, range, pen).await?;
            let fingerprint = file.fingerprint();
            Ok((Box::new(file) as Box<dyn Piece>, fingerprint))
        })
    }
}

impl Piece for recorder::playback::Download {
    fn seek(&mut self, from: u64) -> u64 {
        Self::seek(self, from)
    }

    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }

    fn media_type(&self) -> &'static str {
        self.mime()
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PlaybackError>>> {
        Box::pin(Self::next(self))
    }
}

impl Piece for recorder::playback::Media {
    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }

    fn media_type(&self) -> &'static str {
        self.mime()
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PlaybackError>>> {
        Box::pin(Self::next(self))
    }
}

/// The stretch that a lease is for, where it is one of a recording.
pub fn range(admitted: &Admitted) -> Option<Range> {
    match admitted.content() {
        Content::Playback { stream, from, to } => Some(Range { stream: stream.clone(), from: *from, to: *to }),
        Content::Live(_) => None,
    }
}

/// What is being handed on.
struct Handing {
    admitted: Admitted,
    piece: Box<dyn Piece>,
    part: Bytes,
    /// Bytes still to be thrown away, and then to be handed on.
    skip: u64,
    left: u64,
}

/// The bytes from `from` to before `end` of the piece as a body. Each chunk is counted as it is handed on, and none is once the lease is over: the connection then
/// breaks off, so that what arrived cannot be taken for the whole.
pub fn body(admitted: Admitted, mut piece: Box<dyn Piece>, (from, end): (u64, u64)) -> Body {
    let skip = from.saturating_sub(piece.seek(from));
    let handing = Handing { admitted, piece, part: Bytes::new(), skip, left: end.saturating_sub(from) };
    Body::from_stream(stream::try_unfold(handing, |mut handing| async move {
        while handing.part.is_empty() {
            if handing.left == 0 {
                return Ok(None);
            }
            match handing.piece.next().await {
                None => return Ok(None),
                Some(part) => handing.take(part.map_err(|error| read_failed(&error))?),
            }
        }
        // Reading took time; the lease may have ended in it.
        if handing.admitted.has_ended() {
            return Err(std::io::Error::other("the lease is over"));
        }
        let chunk = handing.part.split_to(handing.part.len().min(CHUNK_BYTES));
        handing.admitted.handed_on(chunk.len() as u64);
        Ok(Some((chunk, handing)))
    }))
}

impl Handing {
    /// Of what was read, what is wanted.
    fn take(&mut self, mut part: Bytes) {
        let passed = (part.len() as u64).min(self.skip);
        part = part.slice(passed as usize..);
        part.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.skip -= passed;
        self.left -= part.len() as u64;
        self.part = part;
    }
}

fn read_failed(error: &PlaybackError) -> std::io::Error {
    tracing::error!(%error, "a recording could not be read to its end");
    std::io::Error::other("the recording could not be read")
}
