//! Both engines on real sockets: the same batch, the same outcomes. And what happens where the kernel refuses a ring.

use std::io::{IoSlice, Read as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;

use super::*;

/// None where this machine refuses it: a container's seccomp profile, `kernel.io_uring_disabled`, an old kernel.
fn io_uring() -> Option<Engine> {
    match Engine::open(Choice::IoUring) {
        Ok((engine, _)) => Some(engine),
        Err(Refused(error)) => {
            let codes = [Errno::PERM, Errno::ACCESS, Errno::NOSYS, Errno::INVAL].map(|e| Some(e.raw_os_error()));
            assert!(codes.contains(&error.raw_os_error()), "no refusal, but a fault: {error}");
            eprintln!("io_uring is refused here: only epoll is tested");
            None
        }
    }
}

fn engines() -> impl Iterator<Item = Engine> {
    let epoll = Engine::open(Choice::Epoll).unwrap().0;
    [Some(epoll), io_uring()].into_iter().flatten()
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    sender.set_nodelay(true).unwrap();
    (sender, listener.accept().unwrap().0)
}

fn read_exactly(socket: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut got = vec![0; bytes];
    socket.read_exact(&mut got).unwrap();
    got
}

#[test]
fn pieces_arrive_in_order_on_many_sockets_at_once() {
    for mut engine in engines() {
        let mut pairs: Vec<_> = (0..300).map(|_| pair()).collect();
        let files: Vec<_> = pairs.iter().map(|(sender, _)| engine.register(sender.as_fd())).collect();
        assert!(files.iter().all(|file| file.is_some() == (engine.kind() == Kind::IoUring)));
        let bodies: Vec<[Vec<u8>; 3]> =
            (0..300_u16).map(|n| [vec![1; 100], n.to_be_bytes().to_vec(), vec![3; 50]]).collect();
        let slices: Vec<Vec<IoSlice<'_>>> =
            bodies.iter().map(|parts| parts.iter().map(|part| IoSlice::new(part)).collect()).collect();
        // Every third one has a single piece; every other one goes by descriptor.
        let batch: Vec<_> = (0..300)
            .map(|n| Message {
                socket: pairs[n].0.as_fd(),
                file: files[n].as_ref().filter(|_| n % 2 == 0),
                parts: if n % 3 == 0 { &slices[n][1..2] } else { &slices[n] },
                to: None,
                cut: None,
            })
            .collect();
        let mut outcomes = Vec::new();
        engine.send(&batch, &mut outcomes);
        for (n, (_, receiver)) in pairs.iter_mut().enumerate() {
            let wanted = if n % 3 == 0 { bodies[n][1].clone() } else { bodies[n].concat() };
            assert_eq!(outcomes[n], Ok(wanted.len()));
            assert_eq!(read_exactly(receiver, wanted.len()), wanted);
        }
    }
}

#[test]
fn a_full_socket_says_so_and_delays_no_other() {
    for mut engine in engines() {
        let (full, _unread) = pair();
        let (free, mut reader) = pair();
        let body = vec![7; 1 << 20];
        let parts = [IoSlice::new(&body)];
        let small = [IoSlice::new(b"through")];
        let mut outcomes = Vec::new();
        let mut taken = Vec::new();
        for _ in 0..64 {
            let stuck = Message { socket: full.as_fd(), file: None, parts: &parts, to: None, cut: None };
            let quick = Message { socket: free.as_fd(), file: None, parts: &small, to: None, cut: None };
            engine.send(&[stuck, quick], &mut outcomes);
            assert_eq!(outcomes[1], Ok(7));
            assert_eq!(read_exactly(&mut reader, 7), b"through");
            taken.push(outcomes[0]);
        }
        assert_eq!(taken.last(), Some(&Err(Errno::AGAIN)));
        assert!(taken.iter().any(|t| matches!(t, Ok(part) if *part < body.len())), "a part is told as such");
    }
}

#[test]
fn a_peer_that_is_gone_is_an_error_and_no_signal() {
    for mut engine in engines() {
        let (sender, receiver) = pair();
        drop(receiver);
        let (body, mut outcomes) = ([IoSlice::new(b"anybody?")], Vec::new());
        let mut last = Ok(0);
        for _ in 0..1_000 {
            engine.send(
                &[Message { socket: sender.as_fd(), file: None, parts: &body, to: None, cut: None }],
                &mut outcomes,
            );
            last = outcomes[0];
            if last.is_err() {
                break;
            }
        }
        assert!(matches!(last, Err(Errno::PIPE | Errno::CONNRESET)), "{last:?}");
    }
}

#[test]
fn a_run_of_datagrams_goes_to_the_address_in_one_send() {
    for mut engine in engines() {
        for local in ["127.0.0.1:0", "[::1]:0"] {
            let (sender, receiver) = (UdpSocket::bind(local).unwrap(), UdpSocket::bind(local).unwrap());
            set_udp_segment(sender.as_fd(), 1_000).unwrap();
            let body: Vec<u8> = (0..2_500_u32).map(|n| n as u8).collect();
            let parts = [IoSlice::new(&body[..1_300]), IoSlice::new(&body[1_300..])];
            let single = [IoSlice::new(b"single")];
            let to = Some(receiver.local_addr().unwrap());
            let message = |parts| Message { socket: sender.as_fd(), file: None, parts, to, cut: None };
            let mut outcomes = Vec::new();
            engine.send(&[message(&parts), message(&single)], &mut outcomes);
            assert_eq!(outcomes, [Ok(2_500), Ok(6)]);
            let mut got = Vec::new();
            let mut buffer = [0; 4_000];
            for length in [1_000, 1_000, 500, 6] {
                let (read, from) = receiver.recv_from(&mut buffer).unwrap();
                assert_eq!((read, from), (length, sender.local_addr().unwrap()));
                got.extend_from_slice(&buffer[..read]);
            }
            assert_eq!(got, [&body[..], b"single"].concat());
        }
    }
}

#[test]
fn a_message_says_how_long_its_datagrams_are() {
    for mut engine in engines() {
        let (sender, receiver) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let body: Vec<u8> = (0..2_500_u32).map(|n| n as u8).collect();
        let parts = [IoSlice::new(&body[..700]), IoSlice::new(&body[700..])];
        let to = Some(receiver.local_addr().unwrap());
        let message = |cut| Message { socket: sender.as_fd(), file: None, parts: &parts, to, cut };
        let mut outcomes = Vec::new();
        engine.send(&[message(Some(700)), message(None), message(Some(1_250))], &mut outcomes);
        assert_eq!(outcomes, [Ok(2_500); 3]);
        let mut buffer = [0; 4_000];
        for lengths in [&[700, 700, 700, 400][..], &[2_500], &[1_250, 1_250]] {
            let mut got = Vec::new();
            for length in lengths {
                let read = receiver.recv(&mut buffer).unwrap();
                assert_eq!(read, *length);
                got.extend_from_slice(&buffer[..read]);
            }
            assert_eq!(got, body);
        }
    }
}

#[test]
fn a_socket_that_is_forgotten_closes_and_its_number_serves_another() {
    let Some(mut engine) = io_uring() else { return };
    for _ in 0..3 {
        let (sender, mut receiver) = pair();
        let file = engine.register(sender.as_fd()).unwrap();
        let (body, mut outcomes) = ([IoSlice::new(b"x")], Vec::new());
        engine.send(
            &[Message { socket: sender.as_fd(), file: Some(&file), parts: &body, to: None, cut: None }],
            &mut outcomes,
        );
        assert_eq!(outcomes, [Ok(1)]);
        drop(file);
        drop(sender);
        let mut rest = Vec::new();
        receiver.read_to_end(&mut rest).expect("the connection ends");
        assert_eq!(rest, b"x");
    }
}

/// Refuses `io_uring_setup` to the calling thread, as a container's profile does.
fn forbid_io_uring() {
    let step = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_io_uring_setup as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: takes no pointer.
    let privileges = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: the kernel copies the program and its filter during the call, in which both live.
    let installed = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!((privileges, installed), (0, 0));
}

#[test]
fn where_io_uring_is_refused_auto_goes_on_without_it() {
    let refused = std::thread::spawn(|| {
        forbid_io_uring();
        assert!(Engine::open(Choice::IoUring).is_err());
        let (engine, refused) = Engine::open(Choice::Auto).unwrap();
        assert_eq!(engine.kind(), Kind::Epoll);
        refused.expect("the refusal is told").to_string()
    });
    let refused = refused.join().unwrap();
    assert!(refused.contains("io_uring is refused") && refused.contains("not permitted"), "{refused}");
}
