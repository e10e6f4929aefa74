//! The floor: a server of one thread that sends one prepared frame image with one `send` per reader, in real time. It
//! speaks just enough RTSP for the same readers to play from it. Same shape as a 4 Mbit/s camera: 25 frames a second, a
//! keyframe of 120 kB every 50, others about 17 kB.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::net::{SendFlags, send};

const FRAME: Duration = Duration::from_millis(40);
const KEYFRAME_BYTES: usize = 120_000;
const GOP: u64 = 50;
/// 4 Mbit/s are 1,000,000 bytes in the 2 s of a GOP.
const FRAME_BYTES: usize = (1_000_000 - KEYFRAME_BYTES) / (GOP as usize - 1);

/// Serves until its standard input closes; prints `ready PORT`.
pub(crate) fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("ready {}", listener.local_addr()?.port());
    let (joined, readers) = channel();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let joined = joined.clone();
            // A thread a handshake: they are over before anything is measured.
            std::thread::spawn(move || {
                if handshake(&socket).is_ok() && socket.set_nonblocking(true).is_ok() {
                    let _ = joined.send(socket);
                }
            });
        }
    });
    std::thread::spawn(move || send_frames(&readers));
    std::io::stdin().lines().for_each(drop);
    Ok(())
}

fn send_frames(joined: &Receiver<TcpStream>) {
    let image = vec![0x5a_u8; KEYFRAME_BYTES];
    let mut readers: Vec<(TcpStream, usize)> = Vec::new();
    let mut due = Instant::now();
    for number in 0_u64.. {
        readers.extend(joined.try_iter().map(|socket| (socket, 0)));
        let size = if number % GOP == 0 { KEYFRAME_BYTES } else { FRAME_BYTES };
        // What a socket did not take is owed to it and goes out before the next frame.
        readers.retain_mut(|(socket, owed)| {
            *owed += size;
            while *owed > 0 {
                let part = image.get(..(*owed).min(size)).unwrap_or(&image);
                match send(&*socket, part, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                    Ok(sent) => *owed -= sent,
                    Err(rustix::io::Errno::AGAIN) => break,
                    Err(_) => return false,
                }
            }
            true
        });
        due += FRAME;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn handshake(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut reader = BufReader::new(socket.try_clone()?);
    loop {
        let (mut request, mut sequence) = (String::new(), String::from("0"));
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            if let Some(number) = line.strip_prefix("CSeq:") {
                number.trim().clone_into(&mut sequence);
            }
            if request.is_empty() {
                request = line;
            }
        }
        let sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n";
        let mut socket = socket;
        if request.starts_with("DESCRIBE") {
            let length = sdp.len();
            socket.write_all(
                format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nContent-Length: {length}\r\n\r\n{sdp}").as_bytes(),
            )?;
        } else {
            socket.write_all(format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nSession: floor\r\n\r\n").as_bytes())?;
        }
        if request.starts_with("PLAY") {
            return Ok(());
        }
    }
}
