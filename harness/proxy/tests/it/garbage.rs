//! What is no frame passes as bytes and is told; nothing that comes makes the proxy panic.

use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use truecut_proxy::{Kafka, Listen, Peek, Protocol as _, Proxy, Side, What};

#[tokio::test]
async fn a_negative_a_huge_and_a_tiny_length_are_told_and_pass() {
    for length in [-1, i32::MIN, i32::MAX, 0, 3] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Proxy::start(Kafka, Listen::default()).await.expect("it listens");
        proxy.set_upstream(listener.local_addr().expect("an address").to_string());
        let mut events = proxy.events();
        let mut client = TcpStream::connect(proxy.address()).await.expect("it accepts");
        let (mut upstream, _) = listener.accept().await.expect("a connection");
        let mut said = length.to_be_bytes().to_vec();
        said.extend_from_slice(b"not Kafka's");
        passes(&mut client, &mut upstream, &said).await;
        let told = format!("{:?}", events.recv().await.expect("an event").what);
        assert!(told.contains("Unreadable") && told.contains("Request"), "{told}");
        assert!(told.contains(&length.to_string()), "{told}");
        passes(&mut upstream, &mut client, &said).await;
        let told = events.recv().await.expect("an event").what;
        assert!(matches!(told, What::Unreadable { side: Side::Response, .. }), "{told:?}");
    }
}

async fn passes(from: &mut TcpStream, to: &mut TcpStream, said: &[u8]) {
    from.write_all(said).await.expect("it is written");
    from.shutdown().await.expect("its end is written");
    let mut all = Vec::new();
    to.read_to_end(&mut all).await.expect("everything");
    assert_eq!(all, said);
}

proptest! {
    #[test]
    fn no_bytes_make_the_cutter_panic_or_wait_for_what_is_there(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        api in 0_i16..80,
        version in 0_i16..14,
        size in prop::option::of(8_i32..200),
    ) {
        if let Some(size) = size {
            for (at, byte) in size.to_be_bytes().into_iter().chain(api.to_be_bytes()).chain(version.to_be_bytes()).enumerate() {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
        }
        let mut cutter = Kafka.open(1);
        let bytes = Bytes::from(bytes);
        for side in [Side::Request, Side::Response] {
            match cutter.peek(side, &bytes) {
                Peek::Need(count) => prop_assert!(count > bytes.len()),
                Peek::Frame(head) => {
                    cutter.sent(&head, None);
                    let _ = cutter.error_code(&head, &bytes);
                }
                Peek::Garbage(_) => {}
            }
        }
    }
}
