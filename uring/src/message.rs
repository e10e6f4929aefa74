//! What is to be sent: pieces of memory that belong to somebody else, and the socket they go to.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use crate::file::File;

/// Bytes that the kernel took, or why it took none.
pub type Outcome = Result<usize, Errno>;

/// One send.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The socket.
    pub socket: BorrowedFd<'a>,
    /// The same socket as the ring knows it, where it does.
    pub file: Option<&'a File>,
    /// The bytes, piece after piece.
    pub parts: &'a [IoSlice<'a>],
    /// Where a datagram goes; none for a connected socket.
    pub to: Option<SocketAddr>,
    /// The kernel cuts the bytes into datagrams of this length, the last one shorter (`UDP_SEGMENT`); none where the socket says.
    pub cut: Option<u16>,
}
