//! Files that end early, are damaged, or are nobody's: the whole fragments stay, and the reader says where they end.

use bytes::Bytes;
use media::fmp4::{fuzz, reader};
use media::fuzz::Mutator;
use proptest::prelude::*;

use crate::fixture::cases;
use crate::stream;

fn small_file() -> (Bytes, Vec<reader::FragmentAt>) {
    let mut stream = stream::h264_aac();
    stream.frames.truncate(30);
    let file = stream::file(&stream, &stream::fragments(&stream, 200_000));
    let fragments = reader::scan_bytes(&file).unwrap().fragments;
    assert!(fragments.len() >= 3);
    (file, fragments)
}

#[test]
fn a_tail_torn_at_any_byte_costs_its_fragment_only() {
    let (file, fragments) = small_file();
    let last = fragments.last().unwrap();
    assert_eq!(last.offset + last.bytes, file.len() as u64);
    for length in last.offset..file.len() as u64 {
        let scan = reader::scan_bytes(&file.slice(..length as usize)).unwrap();
        assert_eq!(scan.valid_bytes, last.offset, "cut at {length}");
        assert_eq!(scan.fragments, fragments[..fragments.len() - 1]);
        assert_eq!(scan.torn.is_some(), length != last.offset);
    }
}

#[test]
fn a_tail_of_zeros_is_torn() {
    let (file, fragments) = small_file();
    let scan = reader::scan_bytes(&[&file[..], &[0; 5000]].concat().into()).unwrap();
    assert_eq!((scan.valid_bytes, scan.fragments), (file.len() as u64, fragments));
    assert_eq!(scan.torn, Some("zeros"));
}

#[test]
fn files_that_are_no_segments_are_named() {
    let (file, _) = small_file();
    let scan = |bytes: &[u8]| reader::scan_bytes(&Bytes::copy_from_slice(bytes)).unwrap_err();
    assert_eq!(scan(&[]), reader::ScanError::Empty);
    assert_eq!(scan(&[0; 4096]), reader::ScanError::Zeroed);
    assert_eq!(scan(b"RIFF....WAVEfmt "), reader::ScanError::NotMp4);
    assert!(matches!(scan(&file[..100]), reader::ScanError::NoMoov(_)));
}

#[test]
fn a_scan_reads_heads_not_media() {
    let (file, fragments) = small_file();
    let mut read = 0;
    let scan = reader::scan(file.len() as u64, |offset, length| {
        read += length;
        let end = (offset as usize + length).min(file.len());
        Ok::<_, ()>(file.slice(offset as usize..end))
    });
    assert_eq!(scan.unwrap().fragments, fragments);
    assert!(read <= (fragments.len() * 3 + 5) * 4096, "{read} bytes");
}

#[test]
fn mutated_files_break_nothing() {
    let (file, _) = small_file();
    let mut mutator = Mutator::new(0x5eed, vec![file.to_vec()]);
    for _ in 0..20_000 {
        fuzz::check_invariants(mutator.next_input());
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn hostile_stamps_make_whole_files(data in prop::collection::vec(any::<u8>(), 0..4000)) {
        fuzz::check_builder(&data);
    }

    #[test]
    fn bytes_of_any_kind_break_nothing(data in prop::collection::vec(any::<u8>(), 0..2000)) {
        fuzz::check_invariants(&data);
    }
}
