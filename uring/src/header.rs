//! A message in the kernel's own form, and what it points to besides the bytes themselves.

use crate::address::Address;
use crate::message::Message;

/// What a header points to. It must lie still for as long as the header is used.
pub(crate) struct Attached {
    address: Address,
    cut: Option<Cut>,
}

/// The control message that says how long each datagram is, as `CMSG_SPACE` has it for two bytes.
#[repr(C)]
struct Cut {
    header: libc::cmsghdr,
    bytes: u16,
    rest: [u8; 6],
}

impl Attached {
    pub(crate) fn of(message: &Message<'_>) -> Self {
        Self { address: Address::of(message.to), cut: message.cut.map(Cut::new) }
    }

    /// `IoSlice` is `iovec` by its own promise; the kernel only reads what a message for sending points to.
    pub(crate) fn header(&self, message: &Message<'_>) -> libc::msghdr {
        let (name, length) = self.address.raw();
        // SAFETY: `msghdr` is plain integers and pointers, of which all bits zero is a value.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_name = name.cast_mut();
        header.msg_namelen = length;
        header.msg_iov = message.parts.as_ptr().cast_mut().cast();
        header.msg_iovlen = message.parts.len();
        if let Some(cut) = &self.cut {
            header.msg_control = (&raw const *cut).cast_mut().cast();
            header.msg_controllen = size_of::<Cut>();
        }
        header
    }
}

impl Cut {
    fn new(bytes: u16) -> Self {
        let header = libc::cmsghdr {
            cmsg_len: size_of::<libc::cmsghdr>() + size_of::<u16>(),
            cmsg_level: libc::SOL_UDP,
            cmsg_type: libc::UDP_SEGMENT,
        };
        Self { header, bytes, rest: [0; 6] }
    }
}
