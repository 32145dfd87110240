//! Kafka for tests: one cluster for all tests of a test program, or one of a test's own.
//!
//! `TRUECUT_TEST_KAFKA` names the Kafka to use, as [`KafkaChoice`] reads it. Without it a container is used if an engine
//! answers; if none does, tests are skipped for a person and fail under CI. With it nothing is ever skipped.

mod secured;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::cluster::block_on;
use crate::{Cluster, KafkaChoice, Options, engine};
pub use secured::{PASSWORD, REAUTH_MS, Secured, USER, secured_kafka};

static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();

/// The cluster that all tests of this program share; `None` means: skip, which was said on standard error.
///
/// It is started by the first call and taken away when the program ends. Tests keep apart by the names of their topics,
/// groups and transactional ids, and leave the broker alone. May be called from a tokio runtime: it blocks once.
///
/// # Panics
/// When Kafka cannot be started, or may not be skipped.
pub fn shared_kafka() -> Option<&'static Cluster> {
    let start = || {
        let cluster = own_kafka(|_| {})?;
        #[expect(
            unsafe_code,
            reason = "statics are not dropped, and a test program has no other end of its own"
        )]
        // SAFETY: the function lives as long as the program, and does nothing that must not be done at exit.
        let registered = unsafe { libc::atexit(end_shared) };
        assert_eq!(registered, 0, "the end of the shared Kafka could not be arranged");
        Some(cluster)
    };
    SHARED.get_or_init(start).as_ref()
}

/// A cluster of a test's own, to break as it likes; `None` means: skip, which was said on standard error.
///
/// # Panics
/// When Kafka cannot be started, or may not be skipped.
pub fn own_kafka(change: impl FnOnce(&mut Options)) -> Option<Cluster> {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let choice = choice()?;
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut options = Options::new(format!("test-{}-{number}", std::process::id()));
    // A test's broker lives for seconds: Java's quick compiler is enough, and saves a third of what a start costs.
    options.java_options.push("-XX:TieredStopAtLevel=1".to_owned());
    change(&mut options);
    // On a thread of its own, so that it works inside and outside of a runtime.
    let started = std::thread::spawn(|| block_on(Cluster::start(choice, options))).join();
    match started {
        Ok(Ok(cluster)) => Some(cluster),
        Ok(Err(e)) => panic!("no Kafka for this test: {e}"),
        Err(cause) => std::panic::resume_unwind(cause),
    }
}

/// Says that a test is skipped, and why.
///
/// # Panics
/// Under CI, where no test may be skipped.
pub fn skip(why: &str) {
    let ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "false" | "0"));
    assert!(!ci, "under CI no test is skipped: {why}");
    eprintln!("skipped: {why}");
}

/// Which Kafka tests use; `None` means: skip.
fn choice() -> Option<KafkaChoice> {
    if let Ok(text) = std::env::var("TRUECUT_TEST_KAFKA") {
        match text.parse() {
            Ok(choice) => return Some(choice),
            Err(e) => panic!("TRUECUT_TEST_KAFKA: {e}"),
        }
    }
    let reached = std::thread::spawn(|| block_on(engine::connect())).join();
    match reached {
        Ok(Ok(_)) => Some(KafkaChoice::Container),
        Ok(Err(e)) => {
            skip(&e.to_string());
            None
        }
        Err(cause) => std::panic::resume_unwind(cause),
    }
}

/// Takes the shared cluster away at the end of the program.
extern "C" fn end_shared() {
    if let Some(Some(cluster)) = SHARED.get() {
        // Nobody is left to tell; what stays is removed by the next start.
        let _ended = std::thread::spawn(|| block_on(cluster.end())).join();
    }
}
