//! Messages that a function names: each can be lost, repeated or late alone.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use truecut_proxy::{
    Action, By, ClientSees, Frames, Listen, Named, Occurrence, Prefix, Proxy, Refused, Rule, RuleId, Side,
    What,
};

/// Frames are words; `name:rest` is named `name`.
struct Words {
    proxy: Proxy,
    client: TcpStream,
    upstream: TcpStream,
}

impl Words {
    async fn new() -> Self {
        let frames = Frames::new(Prefix::BigEndian, |seen| {
            let text = String::from_utf8_lossy(seen.body);
            let name = text.split(':').next().unwrap_or_default();
            Named { name: name.to_owned(), client_id: None }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Proxy::start(frames, Listen::default()).await.expect("it listens");
        proxy.set_upstream(listener.local_addr().expect("an address").to_string());
        let client = TcpStream::connect(proxy.address()).await.expect("it accepts");
        let (upstream, _) = listener.accept().await.expect("a connection");
        Self { proxy, client, upstream }
    }

    fn add(&self, side: Side, action: Action) -> Result<RuleId, Refused> {
        self.proxy.add(Rule {
            frame: "ack".to_owned(),
            side,
            when: Occurrence::Nth(2),
            client_id_prefix: None,
            transactional_id_contains: None,
            action,
        })
    }
}

async fn say(stream: &mut TcpStream, words: &[&str]) {
    for word in words {
        stream.write_u32(u32::try_from(word.len()).expect("a word")).await.expect("written");
        stream.write_all(word.as_bytes()).await.expect("written");
    }
}

async fn heard(stream: &mut TcpStream) -> String {
    let length = stream.read_u32().await.expect("a length");
    let mut word = vec![0; usize::try_from(length).expect("a length")];
    stream.read_exact(&mut word).await.expect("a word");
    String::from_utf8(word).expect("text")
}

const SAID: [&str; 4] = ["ack:1", "beat", "ack:2", "ack:3"];

#[tokio::test]
async fn one_message_is_lost_and_the_next_ones_come() {
    for side in [Side::Request, Side::Response] {
        let mut words = Words::new().await;
        words.add(side, Action::Drop { close_after_ms: None }).expect("it is allowed");
        say(&mut words.client, &SAID).await;
        say(&mut words.upstream, &SAID).await;
        let (lossy, whole) = match side {
            Side::Request => (&mut words.upstream, &mut words.client),
            Side::Response => (&mut words.client, &mut words.upstream),
        };
        for word in ["ack:1", "beat", "ack:3"] {
            assert_eq!(heard(lossy).await, word);
        }
        for word in SAID {
            assert_eq!(heard(whole).await, word);
        }
    }
}

#[tokio::test]
async fn a_message_comes_twice_on_its_own_connection() {
    let mut words = Words::new().await;
    let mut events = words.proxy.events();
    words.add(Side::Response, Action::Duplicate { after_ms: 0 }).expect("it is allowed");
    say(&mut words.upstream, &SAID).await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(heard(&mut words.client).await);
    }
    all.sort();
    assert_eq!(all, ["ack:1", "ack:2", "ack:2", "ack:3", "beat"]);
    assert_eq!(events.recv().await.expect("an event").what, What::Copied);
    assert_eq!(events.recv().await.expect("an event").what, What::Delivered { by: By::SameConnection });
}

#[tokio::test]
async fn a_held_message_comes_after_those_that_passed_it() {
    let mut words = Words::new().await;
    let hold = Action::Hold { after_ms: None, client: ClientSees::Silence };
    let rule = words.add(Side::Request, hold).expect("it is allowed");
    say(&mut words.client, &SAID).await;
    for word in ["ack:1", "beat", "ack:3"] {
        assert_eq!(heard(&mut words.upstream).await, word);
    }
    assert_eq!(words.proxy.release(rule), 1);
    assert_eq!(heard(&mut words.upstream).await, "ack:2");
}

#[tokio::test]
async fn a_held_message_of_a_connection_that_is_gone_is_lost() {
    let mut words = Words::new().await;
    let mut events = words.proxy.events();
    let hold = Action::Hold { after_ms: None, client: ClientSees::Silence };
    let rule = words.add(Side::Request, hold).expect("it is allowed");
    say(&mut words.client, &SAID).await;
    assert_eq!(events.recv().await.expect("an event").what, What::Held);
    drop((words.client, words.upstream));
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    words.proxy.release(rule);
    assert!(matches!(events.recv().await.expect("an event").what, What::Failed { .. }));
}

#[tokio::test]
async fn what_only_requests_can_suffer_is_refused() {
    let words = Words::new().await;
    let refused = |action| words.add(Side::Request, action).expect_err("it is refused").to_string();
    assert!(refused(Action::Drop { close_after_ms: Some(0) }).contains("close_after_ms"));
    assert!(refused(Action::Hold { after_ms: None, client: ClientSees::Reset }).contains("own connection"));
}
