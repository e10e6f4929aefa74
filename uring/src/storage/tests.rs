//! Both engines on a real file, by direct IO where its file system takes it: the same bytes, the same errors.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};

use super::*;

fn engines() -> Vec<Storage> {
    let auto = Storage::open(Choice::Auto).unwrap();
    if let (storage, Some(refused)) = &auto {
        assert_eq!(storage.kind(), Kind::Epoll);
        eprintln!("{refused}: only system calls are tested");
    }
    vec![Storage::open(Choice::Epoll).unwrap().0, auto.0]
}

/// By direct IO where the temporary folder's file system has it.
fn file() -> (tempfile::TempDir, File) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let direct =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).custom_flags(libc::O_DIRECT).open(&path);
    let file = direct.or_else(|_| OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path));
    (folder, file.unwrap())
}

#[test]
fn what_was_written_stands_in_the_file_at_its_place() {
    for mut storage in engines() {
        let (folder, file) = file();
        for number in 0..BUFFERS {
            storage.buffer(number).fill(number as u8 + 1);
        }
        let bytes = |number: usize| if number == 3 { ALIGNMENT } else { BUFFER_BYTES };
        // Back to front, each behind the one with the next lower number.
        let batch: Vec<_> = (0..BUFFERS)
            .rev()
            .map(|buffer| Write {
                file: file.as_fd(),
                offset: (buffer * BUFFER_BYTES) as u64,
                buffer,
                bytes: bytes(buffer),
            })
            .collect();
        let mut outcomes = Vec::new();
        storage.write(&batch, &mut outcomes);
        let expected: Vec<Outcome> = (0..BUFFERS).rev().map(|number| Ok(bytes(number))).collect();
        assert_eq!(outcomes, expected);
        storage.sync(&[file.as_fd(), file.as_fd()], &mut outcomes);
        assert_eq!(outcomes, [Ok(0), Ok(0)]);
        let read = std::fs::read(folder.path().join("file")).unwrap();
        for number in 0..BUFFERS {
            let (at, length) = (number * BUFFER_BYTES, bytes(number));
            assert!(read[at..at + length].iter().all(|b| *b == number as u8 + 1), "buffer {number}");
            let rest = read.get(at + length..at + BUFFER_BYTES).unwrap_or_default();
            assert!(rest.iter().all(|b| *b == 0), "nothing behind buffer {number}");
        }
    }
}

#[test]
fn an_error_is_its_own_write_s_and_no_other_s() {
    for mut storage in engines() {
        let (folder, file) = file();
        let closed_to_us = File::open(folder.path().join("file")).unwrap();
        storage.buffer(0).fill(7);
        let write = |file| Write { file, offset: 0, buffer: 0, bytes: ALIGNMENT };
        let mut outcomes = Vec::new();
        storage.write(&[write(closed_to_us.as_fd()), write(file.as_fd())], &mut outcomes);
        assert_eq!(outcomes, [Err(Errno::BADF), Ok(ALIGNMENT)]);
        let (pipe, _other) = rustix::pipe::pipe().unwrap();
        storage.sync(&[pipe.as_fd(), file.as_fd()], &mut outcomes);
        assert_eq!(outcomes, [Err(Errno::INVAL), Ok(0)]);
        let mut byte = [0];
        File::open(folder.path().join("file")).unwrap().read_exact_at(&mut byte, 0).unwrap();
        assert_eq!(byte, [7]);
    }
}

#[test]
fn a_buffer_gives_no_more_than_it_has() {
    let mut storage = Storage::open(Choice::Epoll).unwrap().0;
    assert_eq!(storage.buffer(BUFFERS - 1).len(), BUFFER_BYTES);
    assert!(storage.buffer(BUFFERS).is_empty());
    let (_folder, file) = file();
    let mut outcomes = Vec::new();
    let (all, none) = (usize::MAX, BUFFERS);
    let batch = [(0, all), (none, all)].map(|(buffer, bytes)| Write { file: file.as_fd(), offset: 0, buffer, bytes });
    storage.write(&batch, &mut outcomes);
    assert_eq!(outcomes, [Ok(BUFFER_BYTES), Ok(0)]);
}
