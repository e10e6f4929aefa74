//! Writes gathered into aligned blocks and handed to the kernel as a batch, then made durable as a batch.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use rustix::io::Errno;
use uring::storage::{self, ALIGNMENT, BUFFERS, Storage};
use uring::{Choice, Outcome};

use super::{Disk, Failure, Output, Volume, Write};

/// What writes begin and end at.
pub(crate) const BLOCK_BYTES: usize = ALIGNMENT;
/// A box's header: no padding is smaller.
const BOX_BYTES: usize = 8;

/// A volume for the one thread that writes to it.
pub(crate) struct Direct {
    volume: Arc<Volume>,
    /// Opened by the thread that uses it: a ring belongs to the thread that made it.
    storage: Option<Storage>,
    outcomes: Vec<Outcome>,
}

/// A buffer on its way.
struct Filled {
    write: usize,
    offset: u64,
    bytes: usize,
}

impl Direct {
    pub(crate) fn new(volume: Arc<Volume>) -> Self {
        Self { volume, storage: None, outcomes: Vec::new() }
    }

    fn open_storage() -> Storage {
        let opened = Storage::open(Choice::Auto).or_else(|_| Storage::open(Choice::Epoll));
        let (storage, refused) = opened.unwrap_or_else(|_| unreachable!("system calls need no ring"));
        if let Some(refused) = refused {
            tracing::info!(%refused, "recordings are written by system calls");
        }
        storage
    }

    /// Makes a new file, its folders too. Fails with `AlreadyExists` where it is there.
    pub(crate) fn create(&self, path: &str) -> io::Result<Output> {
        self.volume.create(path)
    }

    /// True where the file system says that it has room, whatever a write finds.
    pub(crate) fn has_room(&self) -> bool {
        self.volume.has_room()
    }

    /// Adds a text to a note of the volume, durably.
    pub(crate) fn note(&self, name: &str, text: &str) -> io::Result<()> {
        self.volume.add_to_note(name, text)?.sync()
    }

    /// Writes all of them and makes them durable; tells of each whether it is.
    pub(crate) fn write(&mut self, writes: &[Write<'_>]) -> Vec<Result<(), Failure>> {
        let disk = &*self.volume.disk;
        let storage = self.storage.get_or_insert_with(Self::open_storage);
        let mut done: Vec<Result<(), Failure>> = writes.iter().map(|_| Ok(())).collect();
        let mut filled: Vec<Filled> = Vec::with_capacity(BUFFERS);
        for (number, write) in writes.iter().enumerate() {
            let mut source = Source::of(write);
            write.file.reserve(write.offset + source.left as u64);
            let mut offset = write.offset;
            let mut old = write.head.len();
            while source.left > 0 {
                if filled.len() == BUFFERS {
                    flush(disk, storage, writes, &mut filled, &mut done, &mut self.outcomes);
                }
                let data = source.left - source.padding.min(source.left);
                let buffer = storage.buffer(filled.len());
                let bytes = source.fill(buffer);
                let fresh = buffer.get(std::mem::take(&mut old)..bytes.min(data)).unwrap_or_default();
                write.file.hasher.borrow_mut().update(fresh);
                filled.push(Filled { write: number, offset, bytes });
                offset += bytes as u64;
            }
        }
        flush(disk, storage, writes, &mut filled, &mut done, &mut self.outcomes);
        sync(disk, storage, writes, &mut done, &mut self.outcomes);
        done
    }
}

/// Writes the buffers that are filled. What the kernel takes in part goes again, until it is whole or refused.
fn flush(
    disk: &dyn Disk,
    storage: &mut Storage,
    writes: &[Write<'_>],
    filled: &mut Vec<Filled>,
    done: &mut [Result<(), Failure>],
    outcomes: &mut Vec<Outcome>,
) {
    let mut todo: Vec<usize> = (0..filled.len()).collect();
    while !todo.is_empty() {
        let batch: Vec<_> = todo
            .iter()
            .filter_map(|buffer| {
                let Filled { write, offset, bytes } = filled.get(*buffer)?;
                let file = writes.get(*write)?.file.file.as_fd();
                Some(storage::Write { file, offset: *offset, buffer: *buffer, bytes: *bytes })
            })
            .collect();
        disk.write(storage, &batch, outcomes);
        let mut outcomes = outcomes.iter();
        todo.retain(|buffer| {
            let (Some(part), Some(outcome)) = (filled.get_mut(*buffer), outcomes.next()) else { return false };
            let error = match outcome {
                Ok(taken) if *taken == part.bytes => return false,
                // Direct IO goes on at a block or not at all.
                Ok(taken) if *taken > 0 && taken.is_multiple_of(BLOCK_BYTES) => {
                    storage.buffer(*buffer).copy_within(*taken..part.bytes, 0);
                    (part.offset, part.bytes) = (part.offset + *taken as u64, part.bytes - *taken);
                    return true;
                }
                Ok(_) => io::ErrorKind::WriteZero.into(),
                Err(errno) => io::Error::from(*errno),
            };
            if let Some(whole) = done.get_mut(part.write).filter(|whole| whole.is_ok()) {
                *whole = Err(Failure::Write(error));
            }
            false
        });
    }
    filled.clear();
}

/// Makes durable what was written whole.
fn sync(
    disk: &dyn Disk,
    storage: &mut Storage,
    writes: &[Write<'_>],
    done: &mut [Result<(), Failure>],
    outcomes: &mut Vec<Outcome>,
) {
    let written = || writes.iter().zip(done.iter()).filter(|(_, whole)| whole.is_ok());
    let files: Vec<_> = written().map(|(write, _)| write.file.file.as_fd()).collect();
    disk.sync_batch(storage, &files, outcomes);
    let whole = done.iter_mut().filter(|whole| whole.is_ok());
    for (whole, outcome) in whole.zip(outcomes.iter()) {
        if let Err(errno) = outcome {
            // No room for what a sync must write is as bad as any other failure: what was taken may be lost.
            *whole = Err(Failure::Sync(io::Error::from(*errno)));
        }
    }
    debug_assert!(outcomes.iter().all(|outcome| *outcome != Err(Errno::CANCELED)));
}

/// A write's bytes, piece after piece, with the box that fills its last block.
struct Source<'a> {
    head: &'a [u8],
    slices: std::slice::Iter<'a, bytes::Bytes>,
    padding: usize,
    /// Bytes still to come, padding included.
    left: usize,
}

impl<'a> Source<'a> {
    fn of(write: &Write<'a>) -> Self {
        let bytes = write.head.len() + write.slices.iter().map(bytes::Bytes::len).sum::<usize>();
        let padding = padding(bytes);
        Self { head: write.head, slices: write.slices.iter(), padding, left: bytes + padding }
    }

    /// Fills a buffer from its beginning; gives how many bytes of it.
    fn fill(&mut self, buffer: &mut [u8]) -> usize {
        let mut at = 0;
        while at < buffer.len() && self.left > 0 {
            let room = buffer.get_mut(at..).unwrap_or_default();
            let taken = if self.head.is_empty() { self.next_piece(room) } else { self.copy(room) };
            at += taken;
            self.left -= taken;
        }
        at
    }

    fn copy(&mut self, room: &mut [u8]) -> usize {
        let taken = self.head.len().min(room.len());
        let (now, later) = self.head.split_at(taken);
        if let Some(room) = room.get_mut(..taken) {
            room.copy_from_slice(now);
        }
        self.head = later;
        taken
    }

    /// The next slice becomes the head; behind the last one comes the padding.
    fn next_piece(&mut self, room: &mut [u8]) -> usize {
        if let Some(slice) = self.slices.next() {
            self.head = slice;
            return 0;
        }
        let [a, b, c, d] = (self.padding as u32).to_be_bytes();
        let header = [a, b, c, d, b'f', b'r', b'e', b'e'];
        let written = self.padding - self.left;
        let taken = self.left.min(room.len());
        let room = room.get_mut(..taken).unwrap_or_default();
        room.fill(0);
        // A buffer may end within the header.
        room.iter_mut().zip(header.iter().skip(written)).for_each(|(to, from)| *to = *from);
        taken
    }
}

/// Bytes of a `free` box that fills the last block, and one more where it would not fit.
fn padding(bytes: usize) -> usize {
    match bytes.next_multiple_of(BLOCK_BYTES) - bytes {
        0 => 0,
        small @ 1..BOX_BYTES => small + BLOCK_BYTES,
        padding => padding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use uring::storage::BUFFER_BYTES;

    /// Everything that would be written, by buffers of this size.
    fn laid_out(head: &[u8], slices: &[Bytes], buffer_bytes: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let file =
            Output::new(std::fs::File::create(folder.path().join("file")).unwrap(), Arc::new(crate::disk::System));
        let mut source = Source::of(&Write { file: &file, offset: 0, head, slices });
        let (mut out, mut buffer) = (Vec::new(), vec![0xaa; buffer_bytes]);
        while source.left > 0 {
            let bytes = source.fill(&mut buffer);
            out.extend_from_slice(&buffer[..bytes]);
        }
        out
    }

    #[test]
    fn a_last_block_is_filled_with_a_free_box() {
        let body = Bytes::from(vec![1; 5_000]);
        for (head, padding) in [(0, 3_192), (3_184, 8), (3_185, 4_103), (3_191, 4_097), (3_192, 0)] {
            let out = laid_out(&vec![2; head], std::slice::from_ref(&body), BUFFER_BYTES);
            assert_eq!(out.len() % BLOCK_BYTES, 0);
            let (data, free) = out.split_at(head + 5_000);
            assert!(data[..head].iter().all(|b| *b == 2) && data[head..].iter().all(|b| *b == 1));
            assert_eq!(free.len(), padding);
            if padding > 0 {
                assert_eq!(free[..4], (padding as u32).to_be_bytes());
                assert_eq!(&free[4..8], b"free");
                assert!(free[8..].iter().all(|b| *b == 0));
            }
        }
    }

    #[test]
    fn buffers_of_any_size_give_the_same_bytes() {
        let slices: Vec<Bytes> = (1..40_u8).map(|n| Bytes::from(vec![n; usize::from(n) * 97 % 1_200])).collect();
        // Of all lengths up to a block's: the box's header falls apart between two buffers too.
        for head in (0..BLOCK_BYTES).step_by(5) {
            let head = vec![9; head];
            let whole = laid_out(&head, &slices, 1 << 20);
            for buffer_bytes in [BLOCK_BYTES, 3 * BLOCK_BYTES] {
                assert_eq!(laid_out(&head, &slices, buffer_bytes), whole);
            }
        }
    }

    fn entered(root: &std::path::Path) -> Volume {
        let volume = Volume::at(root);
        volume.enter("test", None).unwrap();
        volume
    }

    #[test]
    fn writes_of_many_buffers_stand_in_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Direct::new(Arc::new(entered(folder.path())));
        let outputs: Vec<Output> = (0..3).map(|n| disk.create(&format!("cam/day/{n}.mp4")).unwrap()).collect();
        assert_eq!(disk.create("cam/day/0.mp4").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let body: Vec<Bytes> = vec![Bytes::from(vec![5; 3 * BUFFER_BYTES + 100])];
        let writes: Vec<_> = outputs.iter().map(|file| Write { file, offset: 0, head: &[], slices: &body }).collect();
        assert!(disk.write(&writes).iter().all(Result::is_ok));
        let behind = [Write { file: &outputs[1], offset: 3 * BUFFER_BYTES as u64, head: &[6; 200], slices: &[] }];
        assert!(disk.write(&behind)[0].is_ok());
        outputs[1].truncate(3 * BUFFER_BYTES as u64 + 200).unwrap();
        let read = |n: usize| std::fs::read(folder.path().join(format!("cam/day/{n}.mp4"))).unwrap();
        assert_eq!(read(0).len(), 3 * BUFFER_BYTES + BLOCK_BYTES);
        assert!(read(0)[..3 * BUFFER_BYTES + 100].iter().all(|b| *b == 5));
        assert_eq!(read(1)[3 * BUFFER_BYTES - 1..], [&[5][..], &[6; 200]].concat());
    }
}
