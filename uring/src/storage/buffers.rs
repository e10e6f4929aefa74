//! Memory that direct IO takes: aligned, zeroed once, and known to the ring for as long as both live.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use io_uring::IoUring;

/// What files and memory are aligned to: a page, and a multiple of every disk's block.
pub const ALIGNMENT: usize = 4096;
/// Bytes of one buffer: a second of 4 Mbit/s fits.
pub const BUFFER_BYTES: usize = 512 << 10;
/// How many there are: what a tenth of 200 cameras sends in a second. The service may lock as much (`LimitMEMLOCK`).
pub const BUFFERS: usize = 24;

const LAYOUT: Layout = match Layout::from_size_align(BUFFERS * BUFFER_BYTES, ALIGNMENT) {
    Ok(layout) => layout,
    Err(_) => panic!("the alignment is a power of two"),
};

/// All buffers, in one piece.
pub(super) struct Buffers(NonNull<u8>);

// SAFETY: the memory is owned, and reached through `&self` and `&mut self` alone.
unsafe impl Send for Buffers {}

impl Buffers {
    pub(super) fn new() -> Self {
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(LAYOUT) };
        match NonNull::new(memory) {
            Some(memory) => Self(memory),
            None => handle_alloc_error(LAYOUT),
        }
    }

    fn all(&self) -> &[u8] {
        // SAFETY: so many zeroed bytes were allocated, and they live as long as `self`, which is borrowed.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr(), LAYOUT.size()) }
    }

    fn all_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the borrow is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_ptr(), LAYOUT.size()) }
    }

    /// The first bytes of a buffer; fewer where it has no more.
    pub(super) fn get(&self, number: usize, bytes: usize) -> &[u8] {
        let buffer = self.all().chunks_exact(BUFFER_BYTES).nth(number).unwrap_or_default();
        buffer.get(..bytes).unwrap_or(buffer)
    }

    pub(super) fn get_mut(&mut self, number: usize) -> &mut [u8] {
        self.all_mut().chunks_exact_mut(BUFFER_BYTES).nth(number).unwrap_or_default()
    }

    /// Tells the ring of them, by their numbers. False where the kernel will not have it.
    pub(super) fn register(&self, ring: &IoUring) -> bool {
        let vectors: Vec<libc::iovec> = self
            .all()
            .chunks_exact(BUFFER_BYTES)
            .map(|buffer| libc::iovec { iov_base: buffer.as_ptr().cast_mut().cast(), iov_len: buffer.len() })
            .collect();
        // SAFETY: the memory outlives the ring's use of it: both belong to one `Storage`, and no entry outlives a call.
        unsafe { ring.submitter().register_buffers(&vectors) }.is_ok()
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and not freed before.
        unsafe { dealloc(self.0.as_ptr(), LAYOUT) };
    }
}
