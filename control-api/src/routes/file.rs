//! A file as the body of an answer: read a piece at a time off the network threads, so that a slow client holds one piece.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::stream::{self, Stream};

use crate::error::{ApiError, Code};

/// Bytes read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// Its length, and its bytes. One that is not there is an error of ours: whoever asks has been told that it is.
pub(super) async fn open(
    path: PathBuf,
) -> Result<(u64, impl Stream<Item = std::io::Result<Bytes>> + Send + 'static), ApiError> {
    let shown = path.display().to_string();
    let opened = tokio::task::spawn_blocking(move || {
        let file = File::open(path)?;
        Ok::<_, std::io::Error>((file.metadata()?.len(), file))
    });
    let (bytes, file) = opened.await.map_err(std::io::Error::other).flatten().map_err(|error| {
        tracing::error!(path = %shown, %error, "a file that is promised cannot be opened");
        ApiError::new(Code::Internal)
    })?;
    let pieces = stream::try_unfold((file, bytes), |(file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let (file, piece) = tokio::task::spawn_blocking(move || read(file)).await.map_err(std::io::Error::other)??;
        if piece.is_empty() {
            return Err(std::io::Error::other("the file is shorter than it was"));
        }
        let left = left.saturating_sub(piece.len() as u64);
        Ok(Some((piece, (file, left))))
    });
    Ok((bytes, pieces))
}

fn read(mut file: File) -> std::io::Result<(File, Bytes)> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    file.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
    Ok((file, piece.into()))
}
