//! Settings of the viewers' side. Reading them from a file is the binary's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Settings of leases and of RTSP towards viewers.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where viewers' RTSP connections are taken. Port 0 takes a free one.
    pub rtsp_listen: Vec<SocketAddr>,
    /// Where they are taken over TLS (RTSPS).
    pub rtsp_tls_listen: Vec<SocketAddr>,
    /// First and last UDP port for viewers; zeros take any that is free.
    pub udp_ports: (u16, u16),
    /// WebRTC towards viewers.
    pub whep: Whep,
    /// Threads that carry cameras and viewers; 0 is one for each CPU.
    pub cores: usize,
    /// What sends to viewers.
    pub engine: uring::Choice,
    /// How long frames of a session may wait on a loaded core to leave together.
    pub merge_latency: Duration,
    /// Bits per second that all sessions together may take; none for no bound.
    pub egress_bits_max: Option<u64>,
    /// No further session is taken where the core that would carry it is at work for this share of its time.
    pub busy_percent_max: usize,
    /// RTSP connections at most, over all addresses.
    pub connections_max: usize,
    /// RTSP connections at most from one address.
    pub connections_per_address_max: usize,
    /// Open sessions at most.
    pub leases_max: usize,
    /// Refusals kept at most until the ledger has taken them.
    pub refusals_queued_max: usize,
    /// How long a session without a connection stays open for the next one.
    pub idle_timeout: Duration,
    /// How long a viewer may take over what was handed to it before it counts as too slow.
    pub stuck_timeout: Duration,
    /// How long DESCRIBE waits for a camera that has not sent its parameters yet.
    pub describe_timeout: Duration,
    /// Payload bytes a viewer may be behind before it skips to the newest keyframe.
    pub viewer_behind_bytes_max: u64,
    /// Time a viewer may be behind before it skips to the newest keyframe.
    pub viewer_behind_max: Duration,
    /// Bytes kept for live HLS, all streams together.
    pub hls_bytes_max: usize,
    /// Bytes that the kernel keeps for one viewer at most; 0 leaves it to the kernel.
    pub send_buffer_bytes: usize,
}

/// Settings of WebRTC towards viewers.
#[derive(Clone, Debug)]
pub struct Whep {
    /// The UDP address for all of them. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Our addresses as viewers reach them; empty for those from which this host reaches each viewer.
    pub public_addresses: Vec<IpAddr>,
    /// Viewers at most.
    pub viewers_max: usize,
}

impl Default for Whep {
    fn default() -> Self {
        // A viewer costs about 1 MiB while packets are kept to be sent again.
        Self { listen: SocketAddr::from(([0, 0, 0, 0], 8556)), public_addresses: Vec::new(), viewers_max: 2_000 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rtsp_listen: vec![SocketAddr::from(([0, 0, 0, 0], 8554))],
            rtsp_tls_listen: Vec::new(),
            udp_ports: (0, 0),
            whep: Whep::default(),
            cores: 0,
            engine: uring::Choice::Auto,
            // A frame's interval: nobody sees it, and it halves what a loaded core spends on small frames.
            merge_latency: Duration::from_millis(40),
            egress_bits_max: None,
            // What is left takes the keyframes of all cameras at once.
            busy_percent_max: 85,
            connections_max: 10_000,
            // A control room's terminals sit behind one address at times.
            connections_per_address_max: 512,
            leases_max: 20_000,
            refusals_queued_max: 4_096,
            idle_timeout: Duration::from_secs(30),
            stuck_timeout: Duration::from_secs(15),
            describe_timeout: Duration::from_secs(5),
            viewer_behind_bytes_max: 8 << 20,
            viewer_behind_max: Duration::from_secs(4),
            // All that a hundred cameras of 4 Mbit/s would have; 256 share it at most.
            hls_bytes_max: 2 << 30,
            // 100 ms of 16 Mbit/s: a viewer that stops costs this and no more.
            send_buffer_bytes: 256 << 10,
        }
    }
}
