//! The witness's side of the protocol, in small and for real: an HTTP server that checks, remembers and signs. And those that
//! refuse, lie, hang and forget.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::State as Extracted;
use axum::http::StatusCode;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use media::wall::Wall;

use super::*;
use crate::ledger::cosignature::signing::WitnessPen;
use crate::ledger::merkle::{Hash, check_consistency, empty_root};
use crate::ledger::note::VerifierKey;
use crate::ledger::verify::{Options, verify};
use crate::ledger::{Event, Kind};

#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Honest,
    Refuses,
    /// Signs another root under the same name and key.
    Lies,
    /// Signs with a key that is not its own.
    Impersonates,
    Hangs,
    /// Answers without end.
    Babbles,
    /// Says each time that it has seen something else.
    Wavers,
}

struct Witness {
    pen: WitnessPen,
    log: VerifierKey,
    manner: Mutex<Manner>,
    seen: Mutex<(u64, Hash)>,
    asked: Mutex<Vec<u64>>,
}

impl Witness {
    async fn start(log: VerifierKey) -> (Arc<Self>, SocketAddr, tokio::task::JoinHandle<()>) {
        let witness = Arc::new(Self {
            pen: WitnessPen::new("witness.test/w", 3),
            log,
            manner: Mutex::new(Manner::Honest),
            seen: Mutex::new((0, empty_root())),
            asked: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/w/add-checkpoint", post(answer)).with_state(Arc::clone(&witness));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (witness, address, serving)
    }

    /// The protocol, in the order of its specification.
    fn add(&self, body: &str) -> (StatusCode, String) {
        let (head, note) = body.split_once("\n\n").unwrap();
        let mut head = head.split('\n');
        let old: u64 = head.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
        let hash = |line: &str| -> Hash { BASE64.decode(line).unwrap().try_into().unwrap() };
        let proof: Vec<Hash> = head.filter(|line| !line.is_empty()).map(hash).collect();
        self.asked.lock().push(old);
        let Ok(new) = self.log.open(note) else { return (StatusCode::FORBIDDEN, String::new()) };
        if old > new.size {
            return (StatusCode::BAD_REQUEST, String::new());
        }
        let mut seen = self.seen.lock();
        if old != seen.0 || (old == new.size && seen.1 != new.root) {
            return (StatusCode::CONFLICT, format!("{}\n", seen.0));
        }
        if !check_consistency(old, new.size, &seen.1, &new.root, &proof) {
            return (StatusCode::UNPROCESSABLE_ENTITY, String::new());
        }
        *seen = (new.size, new.root);
        (StatusCode::OK, self.pen.line(note, 1_780_000_000))
    }
}

async fn answer(Extracted(witness): Extracted<Arc<Witness>>, body: String) -> (StatusCode, String) {
    let manner = *witness.manner.lock();
    let note = body.split_once("\n\n").unwrap().1;
    match manner {
        Manner::Honest => witness.add(&body),
        Manner::Refuses => (StatusCode::FORBIDDEN, "no".into()),
        Manner::Lies => (StatusCode::OK, witness.pen.line("other\n9\nroot\n\n", 1)),
        Manner::Impersonates => (StatusCode::OK, WitnessPen::new("witness.test/w", 4).line(note, 1)),
        Manner::Hangs => std::future::pending().await,
        Manner::Babbles => (StatusCode::OK, "— witness.test/w AAAA\n".repeat(10_000)),
        Manner::Wavers => {
            let mut seen = witness.seen.lock();
            let old: u64 = body.split('\n').next().unwrap()[4..].parse().unwrap();
            seen.0 = (old + 1) % 3;
            (StatusCode::CONFLICT, format!("{}\n", seen.0))
        }
    }
}

struct Rig {
    dir: tempfile::TempDir,
    ledger: Ledger,
    witness: Arc<Witness>,
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Still;

impl Clock for Still {
    fn wall(&self) -> Wall {
        Wall::from_micros(1_780_000_000_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn open(dir: &Path) -> Ledger {
    Ledger::open(dir, Arc::new(Still), &Registry::new()).unwrap()
}

impl Rig {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let (witness, address, serving) = Witness::start(ledger.verifier_key().unwrap()).await;
        Self { dir, ledger, witness, address, serving }
    }

    fn settings(&self) -> Settings {
        let url = Url::parse(&format!("http://{}/w", self.address)).unwrap();
        Settings { url, key: self.witness.pen.key(), every: Duration::from_secs(60) }
    }

    fn witnessing(&self) -> Arc<Witnessing> {
        let (settings, ledger) = (Some(self.settings()), self.ledger.clone());
        Witnessing::new(settings, ledger, Arc::new(Still), Outbound::new(), &Registry::new()).unwrap()
    }

    /// Appends, and waits until a checkpoint covers it.
    async fn append(&self, entries: u64) {
        for n in 0..entries {
            self.ledger.append_async(&Event::new(Kind::LOGIN, Wall::EPOCH).with("n", n)).await.unwrap();
        }
        while self.ledger.checkpoint().size < self.ledger.size() {
            tokio::task::yield_now().await;
        }
    }

    async fn ask(&self, witnessing: &Witnessing) -> Result<(), Trouble> {
        witnessing.ask(&self.settings()).await
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[tokio::test]
async fn a_witness_follows_the_log_and_what_it_signed_is_kept_over_a_restart() {
    let rig = Rig::new().await;
    let witnessing = rig.witnessing();
    assert!(rig.ledger.cosigned().unwrap().is_none() && witnessing.standing().unwrap().size.is_none());
    for entries in [1, 5, 300, 0] {
        rig.append(entries).await;
        rig.ask(&witnessing).await.unwrap();
        let text = rig.ledger.cosigned().unwrap().unwrap();
        let said = CosignedNote::parse(&text).unwrap();
        let said = said.open(&rig.ledger.verifier_key().unwrap(), &rig.witness.pen.key()).unwrap();
        assert_eq!(said.head.size, rig.ledger.size());
        assert_eq!(witnessing.standing().unwrap().size, Some(rig.ledger.size()));
    }
    assert_eq!(*rig.witness.asked.lock(), [0, 1, 6, 306], "each proof begins where the witness is");
    // A new run knows where the witness is.
    let again = rig.witnessing();
    assert_eq!(again.standing().unwrap().size, Some(306));
    rig.ask(&again).await.unwrap();
    assert_eq!(rig.witness.asked.lock().last(), Some(&306));
    let options = Options { witnesses: vec![rig.witness.pen.key()], ..Options::default() };
    let report = verify(rig.dir.path(), &options, &mut |_, _| {});
    assert!(report.is_clean() && report.witnessed[0].size == 306, "{report:?}");
}

#[tokio::test]
async fn a_witness_that_has_seen_less_or_more_than_we_think_is_met_where_it_is() {
    let rig = Rig::new().await;
    let witnessing = rig.witnessing();
    rig.append(40).await;
    rig.ask(&witnessing).await.unwrap();
    // It was set up anew.
    *rig.witness.seen.lock() = (0, empty_root());
    rig.ask(&witnessing).await.unwrap();
    assert_eq!(*rig.witness.asked.lock(), [0, 40, 0]);
    // Our own memory of it is older than it is.
    witnessing.state.lock().seen = 3;
    rig.append(1).await;
    rig.ask(&witnessing).await.unwrap();
    assert_eq!(rig.witness.seen.lock().0, 41);
    // It has seen what we have not: this log was put back.
    rig.witness.seen.lock().0 = 1_000;
    assert!(matches!(rig.ask(&witnessing).await, Err(Trouble::Ahead { theirs: 1_000, ours: 41 })));
    // It has seen another log of the same length and the same key, or another beginning.
    *rig.witness.seen.lock() = (41, [7; 32]);
    assert!(matches!(rig.ask(&witnessing).await, Err(Trouble::Rewritten(41))));
    *rig.witness.seen.lock() = (17, [7; 32]);
    assert!(matches!(rig.ask(&witnessing).await, Err(Trouble::Rewritten(17))));
}

#[tokio::test]
async fn a_witness_that_refuses_lies_or_babbles_is_told_and_nothing_of_it_is_kept() {
    let rig = Rig::new().await;
    let witnessing = rig.witnessing();
    rig.append(10).await;
    for manner in [Manner::Refuses, Manner::Lies, Manner::Impersonates, Manner::Babbles, Manner::Wavers] {
        *rig.witness.manner.lock() = manner;
        let trouble = rig.ask(&witnessing).await.unwrap_err();
        let fits = match manner {
            Manner::Refuses => matches!(trouble, Trouble::Unknown(403)),
            Manner::Lies => matches!(trouble, Trouble::Answer(BadNote::Signature)),
            Manner::Impersonates => matches!(trouble, Trouble::Answer(BadNote::OtherKey)),
            Manner::Babbles => matches!(trouble, Trouble::Unreached(OutboundError::Long(_))),
            _ => matches!(trouble, Trouble::Unsteady),
        };
        assert!(fits, "{trouble}");
        assert!(rig.ledger.cosigned().unwrap().is_none());
        witnessing.turn().await;
        assert!(witnessing.standing().unwrap().trouble.is_some());
    }
    *rig.witness.manner.lock() = Manner::Honest;
    *rig.witness.seen.lock() = (0, empty_root());
    witnessing.turn().await;
    assert_eq!(witnessing.standing().unwrap().trouble, None);
    rig.serving.abort();
    witnessing.turn().await;
    assert!(witnessing.standing().unwrap().trouble.is_some(), "nobody there");
}

#[tokio::test]
async fn a_witness_that_hangs_keeps_no_entry_waiting() {
    let rig = Rig::new().await;
    let witnessing = rig.witnessing();
    rig.append(1).await;
    *rig.witness.manner.lock() = Manner::Hangs;
    let hanging = tokio::spawn(Arc::clone(&witnessing).run(std::future::pending()));
    rig.append(200).await;
    assert_eq!(rig.ledger.checkpoint().size, 201, "entries and checkpoints go on");
    assert_eq!(witnessing.standing().unwrap().size, None);
    hanging.abort();
}
