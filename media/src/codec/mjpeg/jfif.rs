//! The picture file around a JPEG scan (ITU-T T.81 annex B): written from what RFC 2435 says, and read back into it.

use super::tables::{HUFFMAN, Huffman, TABLE_BYTES};

/// `SOI`, as the second byte of its marker; so are those below.
const SOI: u8 = 0xd8;
const APP0: u8 = 0xe0;
const DQT: u8 = 0xdb;
const DHT: u8 = 0xc4;
const DRI: u8 = 0xdd;
const SOF0: u8 = 0xc0;
const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;

/// What a scan needs around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// RFC 2435 type: 0 for 4:2:2, 1 for 4:2:0.
    pub(super) sampling: u8,
    pub(super) width: u16,
    pub(super) height: u16,
    /// MCUs between restart markers; 0 where there are none.
    pub(super) restart_interval: u16,
    /// Luma and chroma.
    pub(super) tables: [u8; 2 * TABLE_BYTES],
}

/// Everything before the scan's data.
pub(super) fn write(header: &Header, out: &mut Vec<u8>) {
    out.extend([0xff, SOI, 0xff, APP0, 0, 16]);
    out.extend(b"JFIF\0");
    out.extend([1, 1, 0, 0, 1, 0, 1, 0, 0]);
    for (id, table) in (0u8..).zip(header.tables.as_chunks::<TABLE_BYTES>().0) {
        out.extend([0xff, DQT, 0, 3 + TABLE_BYTES as u8, id]);
        out.extend(table);
    }
    if header.restart_interval != 0 {
        out.extend([0xff, DRI, 0, 4]);
        out.extend(header.restart_interval.to_be_bytes());
    }
    let luma_sampling = if header.sampling == 0 { 0x21 } else { 0x22 };
    out.extend([0xff, SOF0, 0, 17, 8]);
    out.extend(header.height.to_be_bytes());
    out.extend(header.width.to_be_bytes());
    out.extend([3, 0, luma_sampling, 0, 1, 0x11, 1, 2, 0x11, 1]);
    for table in &HUFFMAN {
        let length = 2 + 1 + 16 + table.values.len();
        out.extend([0xff, DHT, 0, length as u8, table.class_and_id]);
        out.extend(table.lengths);
        out.extend(table.values);
    }
    out.extend([0xff, SOS, 0, 12, 3, 0, 0x00, 1, 0x11, 2, 0x11, 0, 63, 0]);
}

/// Ends a scan, unless the camera sent the end itself.
pub(super) fn write_end(out: &mut Vec<u8>) {
    if !out.ends_with(&[0xff, EOI]) {
        out.extend([0xff, EOI]);
    }
}

/// Header and scan data of a picture that RFC 2435 can express; none for any other.
pub(super) fn read(picture: &[u8]) -> Option<(Header, &[u8])> {
    let mut rest = picture.strip_prefix(&[0xff, SOI])?;
    let mut read = Read { quantisation: [None; 4], frame: None, restart_interval: 0 };
    loop {
        let (marker, tail) = next_marker(rest)?;
        let (length, tail) = tail.split_first_chunk::<2>()?;
        let (body, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)).checked_sub(2)?)?;
        rest = tail;
        match marker {
            DQT => read.quantisation(body)?,
            DHT => huffman_is_standard(body).then_some(())?,
            DRI => read.restart_interval = u16::from_be_bytes(*body.first_chunk()?),
            SOF0 => read.frame = Some(Components::read(body)?),
            SOS => {
                // Three components in one scan, each with the Huffman tables of its kind.
                let &[3, a, 0x00, b, 0x11, c, 0x11, 0, 63, 0] = body else { return None };
                let header = read.header([a, b, c])?;
                return Some((header, rest.strip_suffix(&[0xff, EOI]).unwrap_or(rest)));
            }
            // Comments and application data say nothing about the scan.
            0xe0..=0xef | 0xfe => {}
            _ => return None,
        }
    }
}

/// Marker and what follows it; fill bytes before it are passed over.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let rest = bytes.strip_prefix(&[0xff])?;
    let fill = rest.iter().take_while(|b| **b == 0xff).count();
    let (marker, tail) = rest.get(fill..)?.split_first()?;
    Some((*marker, tail))
}

fn huffman_is_standard(mut body: &[u8]) -> bool {
    while let Some((class_and_id, rest)) = body.split_first() {
        let Some(standard) = HUFFMAN.iter().find(|table| table.class_and_id == *class_and_id) else { return false };
        let Huffman { lengths, values, .. } = standard;
        let Some(rest) = rest.strip_prefix(lengths).and_then(|rest| rest.strip_prefix(*values)) else { return false };
        body = rest;
    }
    true
}

struct Read<'a> {
    quantisation: [Option<&'a [u8; TABLE_BYTES]>; 4],
    frame: Option<Components>,
    restart_interval: u16,
}

impl<'a> Read<'a> {
    fn quantisation(&mut self, mut body: &'a [u8]) -> Option<()> {
        while let Some((precision_and_id, rest)) = body.split_first() {
            let (table, rest) = rest.split_first_chunk::<TABLE_BYTES>()?;
            // Ids above 3, and so 16-bit values too, find no place.
            *self.quantisation.get_mut(usize::from(*precision_and_id))? = Some(table);
            body = rest;
        }
        Some(())
    }

    fn header(&self, scan_ids: [u8; 3]) -> Option<Header> {
        let frame = self.frame.as_ref()?;
        if frame.ids != scan_ids {
            return None;
        }
        let table = |id: u8| self.quantisation.get(usize::from(id)).copied().flatten();
        let mut tables = [0; 2 * TABLE_BYTES];
        let (luma, chroma) = tables.split_at_mut(TABLE_BYTES);
        luma.copy_from_slice(table(frame.luma_table)?);
        chroma.copy_from_slice(table(frame.chroma_table)?);
        Some(Header {
            sampling: frame.sampling,
            width: frame.width,
            height: frame.height,
            restart_interval: self.restart_interval,
            tables,
        })
    }
}

struct Components {
    ids: [u8; 3],
    sampling: u8,
    width: u16,
    height: u16,
    luma_table: u8,
    chroma_table: u8,
}

impl Components {
    fn read(body: &[u8]) -> Option<Self> {
        let &[8, h1, h2, w1, w2, 3, a, luma, luma_table, b, 0x11, chroma_table, c, 0x11, second] = body else {
            return None;
        };
        let sampling = match luma {
            0x21 => 0,
            0x22 => 1,
            _ => return None,
        };
        let (width, height) = (u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2]));
        (chroma_table == second && width > 0 && height > 0).then_some(Self {
            ids: [a, b, c],
            sampling,
            width,
            height,
            luma_table,
            chroma_table,
        })
    }
}
