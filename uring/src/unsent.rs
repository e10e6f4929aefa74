//! What a TCP socket holds that has not left yet.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// Bytes that were written to the socket and never sent (`SIOCOUTQNSD`, tcp(7)).
pub fn unsent_bytes(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open for the length of the borrow, and the call writes one int to `bytes`, which lives to the end
    // of this function.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCOUTQNSD, &raw mut bytes) };
    if result == 0 { Ok(usize::try_from(bytes).unwrap_or(0)) } else { Err(io::Error::last_os_error()) }
}

/// `linux/sockios.h`; the library does not name it.
const SIOCOUTQNSD: libc::c_ulong = 0x894B;

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn what_nobody_reads_is_unsent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _silent = listener.accept().unwrap();
        assert_eq!(unsent_bytes(socket.as_fd()).unwrap(), 0);
        socket.set_nonblocking(true).unwrap();
        while socket.write(&[0; 65_536]).is_ok() {}
        assert!(unsent_bytes(socket.as_fd()).unwrap() > 0);
    }
}
