//! Without a rule the bytes that come out are those that went in, however they are chopped; and backpressure is kept.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use truecut_proxy::{Frames, Kafka, Listen, Named, Prefix, Proxy, Untouched};

/// A client's end and upstream's end of one connection.
async fn pair(proxy: &Proxy) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    proxy.set_upstream(listener.local_addr().expect("an address").to_string());
    let client = TcpStream::connect(proxy.address()).await.expect("it accepts");
    client.set_nodelay(true).expect("an option");
    let (upstream, _) = listener.accept().await.expect("a connection");
    (client, upstream)
}

/// Writes in pieces of these lengths, reads all from the other end, then the same the other way: ends are halves.
async fn there_and_back(proxy: Proxy, bytes: Vec<u8>, pieces: Vec<usize>) {
    let (mut client, mut upstream) = pair(&proxy).await;
    for (from, to) in [(0, 1), (1, 0)] {
        let mut ends = [&mut client, &mut upstream];
        let (first, second) = ends.split_at_mut(1);
        let (writer, reader) =
            if from < to { (&mut first[0], &mut second[0]) } else { (&mut second[0], &mut first[0]) };
        let write = async {
            let mut rest = bytes.as_slice();
            for piece in pieces.iter().cycle() {
                let (now, later) = rest.split_at((*piece).min(rest.len()));
                writer.write_all(now).await.expect("it is written");
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            writer.shutdown().await.expect("its end is written");
        };
        let mut came = Vec::new();
        let (_, read) = tokio::join!(write, reader.read_to_end(&mut came));
        read.expect("everything came");
        assert!(came == bytes, "{} bytes went in, {} came out, or others", bytes.len(), came.len());
    }
}

fn framed(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut all = Vec::new();
    for body in bodies {
        all.extend_from_slice(&u32::try_from(body.len()).expect("a length").to_be_bytes());
        all.extend_from_slice(body);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn bytes_come_out_as_they_went_in(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..20),
        tail in prop::collection::vec(any::<u8>(), 0..40),
        pieces in prop::collection::vec(1_usize..700, 1..10),
    ) {
        let mut bytes = framed(&bodies);
        bytes.extend_from_slice(&tail);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let named = |_: truecut_proxy::Seen<'_>| Named { name: "any".to_owned(), client_id: None };
            let kafka = Proxy::start(Kafka, Listen::default()).await.expect("it listens");
            there_and_back(kafka, bytes.clone(), pieces.clone()).await;
            let frames = Frames::new(Prefix::BigEndian, named);
            let frames = Proxy::start(frames, Listen::default()).await.expect("it listens");
            there_and_back(frames, bytes.clone(), pieces.clone()).await;
            let untouched = Proxy::start(Untouched, Listen::default()).await.expect("it listens");
            there_and_back(untouched, bytes.clone(), pieces.clone()).await;
        });
    }
}

#[tokio::test]
async fn a_frame_of_100_megabytes_passes() {
    let proxy = Proxy::start(Kafka, Listen::default()).await.expect("it listens");
    let bytes = framed(&[vec![7; 100 << 20], vec![1; 100]]);
    let began = std::time::Instant::now();
    there_and_back(proxy, bytes, vec![1 << 20]).await;
    eprintln!("200 MiB through the proxy: {:?}", began.elapsed());
}

#[tokio::test]
async fn a_reader_that_stops_stops_the_writer() {
    let proxy = Proxy::start(Kafka, Listen::default()).await.expect("it listens");
    let (client, mut upstream) = pair(&proxy).await;
    let frame = framed(&[vec![7; 64 << 20]]);
    let mut written = 0;
    // Sockets and the proxy take some; then nothing is taken for a while.
    while let Ok(ready) = tokio::time::timeout(std::time::Duration::from_millis(500), client.writable()).await
    {
        ready.expect("the connection lives");
        written += client.try_write(&frame[written..]).unwrap_or(0);
        assert!(written < frame.len(), "all was taken, though nobody reads");
    }
    let mut came = vec![0; written];
    upstream.read_exact(&mut came).await.expect("what was taken comes");
    assert!(came == frame[..written]);
}
