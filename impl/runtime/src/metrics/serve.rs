//! Serves what was counted over HTTP, on the address that the job's description names.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use truecut_core::WorkerId;

use super::{Metric, Sample, samples, set, take, text};
use crate::kafka::raw::{At, Isolation, RawClient};

/// Between two attempts to listen: a coordinator that was taken over from may still have the address.
const AGAIN: Duration = Duration::from_millis(500);
/// Between two looks at where the input ends.
const LOOK: Duration = Duration::from_secs(1);

/// What workers have sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board(Arc<Mutex<BTreeMap<u32, Vec<Sample>>>>);

impl Board {
    pub(crate) fn put(&self, worker: WorkerId, samples: Vec<Sample>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(worker.get(), samples);
    }

    /// A worker is gone, and with it what it counted.
    pub(crate) fn remove(&self, worker: WorkerId) {
        take(Metric::Workers, 1);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&worker.get());
    }

    fn text(&self) -> String {
        text::render(&samples(), &self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Serves as long as the process lives. That nobody can listen there is told in the log, and keeps no job from running.
pub(crate) async fn serve(address: String, board: Board) {
    let mut told = false;
    let listener = loop {
        match TcpListener::bind(&address).await {
            Ok(listener) => break listener,
            Err(error) if !told => tracing::warn!(%error, address, "metrics can't be served yet"),
            Err(_) => {}
        }
        told = true;
        tokio::time::sleep(AGAIN).await;
    };
    tracing::info!(address, "metrics are served");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        let board = board.clone();
        let service = service_fn(move |request| {
            let answer = answer(&request, &board);
            async move { Ok::<_, Infallible>(answer) }
        });
        // A reader that goes away in the middle is its own affair.
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

fn answer(request: &Request<Incoming>, board: &Board) -> Response<Full<Bytes>> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, board.text()),
        (&Method::GET, _) => (StatusCode::NOT_FOUND, "metrics are at /metrics\n".to_owned()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let content_type = hyper::header::HeaderValue::from_static(text::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Looks where the input ends, now and then.
pub(crate) async fn follow_input(raw: RawClient, topic: String, partitions: u32, isolation: Isolation) {
    loop {
        for partition in 0..partitions {
            let Ok(number) = i32::try_from(partition) else { continue };
            // One that does not answer keeps its last end.
            let listed = raw.list_offsets(&topic, number, At::Latest, isolation).await;
            let end = listed.ok().and_then(|listed| u64::try_from(listed.offset?).ok());
            if let Some(end) = end {
                set(Metric::InputEnd, Some(partition), end);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
