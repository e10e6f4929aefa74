//! The sockets that a ring knows by number, so that it need not look each up at each send.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::rc::Rc;

use io_uring::IoUring;

/// Sockets that a ring knows. A core carries some thousand viewers; those beyond it are looked up at each send.
const FILES_MAX: u32 = 16_384;

/// A ring and the places in its table that no socket has.
pub(crate) struct Table {
    pub(crate) ring: IoUring,
    free: Vec<u32>,
}

/// A socket that the ring knows by number. Dropping it makes the ring forget the socket.
pub struct File {
    number: u32,
    table: Rc<RefCell<Table>>,
}

impl Table {
    /// Where the kernel refuses a table, every socket is looked up.
    pub(crate) fn open(ring: IoUring) -> Rc<RefCell<Self>> {
        let files = files_max();
        let registered = files > 0 && ring.submitter().register_files_sparse(files).is_ok();
        let free = if registered { (0..files).rev().collect() } else { Vec::new() };
        Rc::new(RefCell::new(Self { ring, free }))
    }

    fn take(&mut self, socket: BorrowedFd<'_>) -> io::Result<Option<u32>> {
        let Some(number) = self.free.pop() else { return Ok(None) };
        let entered = self.ring.submitter().register_files_update(number, &[socket.as_raw_fd()]);
        if entered.is_err() {
            self.free.push(number);
        }
        entered.map(|_| Some(number))
    }
}

impl File {
    /// None where the table is full or refuses the socket.
    pub(crate) fn enter(table: &Rc<RefCell<Table>>, socket: BorrowedFd<'_>) -> Option<Self> {
        let number = table.borrow_mut().take(socket).ok()??;
        Some(Self { number, table: Rc::clone(table) })
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "File({})", self.number)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let mut table = self.table.borrow_mut();
        // Refused only for a ring that is gone, and then so is its table.
        let _ = table.ring.submitter().register_files_update(self.number, &[-1]);
        table.free.push(self.number);
    }
}

fn files_max() -> u32 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(FILES_MAX, |limit| u32::try_from(limit).unwrap_or(FILES_MAX).min(FILES_MAX))
}
