//! UDP segmentation offload: one send, many datagrams.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// From now on the kernel cuts what is sent on this UDP socket into datagrams of so many bytes, the last one shorter
/// (`UDP_SEGMENT`, Linux 4.18). A send of no more than that is one datagram as before.
pub fn set_udp_segment(socket: BorrowedFd<'_>, bytes: u16) -> io::Result<()> {
    let value = libc::c_int::from(bytes);
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open for the length of the borrow, and the option reads `length` bytes at `value`, which
    // lives to the end of this function.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, (&raw const value).cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
