//! A page for monitoring programs, over HTTP on loopback addresses alone.
//!
//! One page, `/metrics`, to be read and nothing else. It asks for no password and
//! has no TLS, so that it is for programs on this machine; what reaches it from
//! elsewhere goes through their hands. Off unless `[metrics] listen` says where.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use smol::lock::Semaphore;
use smol::net::{TcpListener, TcpStream};
use smol::{Executor, Timer};

use super::connection::within;
use super::outage::Outage;
use crate::journal;

/// The listener's name in `status` and the log.
pub const NAME: &str = "metrics";
/// Where the page is.
const PATH: &str = "/metrics";
/// The text format of Prometheus.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A monitoring program asks once in some seconds, and a person may look as well.
const CONNECTIONS_MAX: usize = 4;
/// From the first octet of a connection to its last: it has one request.
const CONNECTION_LIMIT: Duration = Duration::from_secs(5);
/// Of a request, its first line and its headers; the least that hyper takes.
const REQUEST_OCTETS_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;
/// After an error of accept, which would come again at once.
const REST: Duration = Duration::from_millis(100);

/// Who makes the page: the hub.
pub trait Page {
    /// Its text; none while the hub cannot tell how it is.
    fn text(&self) -> impl Future<Output = Option<String>> + Send;
}

/// Opens the socket.
///
/// # Errors
/// The system's, in words.
pub fn bind(address: SocketAddr) -> Result<StdListener, String> {
    let open = || {
        let socket = StdListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    open().map_err(|why: io::Error| {
        format!(
            "cannot listen for the metrics on {address}: {why}; stop what listens there (ss -ltnp shows it), or change \
             [metrics] listen"
        )
    })
}

/// Serves the page until the task is dropped, and with it all its connections.
pub async fn serve(listener: TcpListener, page: impl Page + Send + Sync) {
    let places = Semaphore::new(CONNECTIONS_MAX);
    let connections = Executor::new();
    let mut outage = Outage::default();
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    if let Some(after) = outage.over(std::time::Instant::now()) {
                        journal::accepting_again(NAME, after);
                    }
                    // Without a place it is closed, which a program understands.
                    if let Some(place) = places.try_acquire() {
                        let answer = answer(stream, &page);
                        let bounded = async move {
                            within(CONNECTION_LIMIT, answer).await;
                            drop(place);
                        };
                        connections.spawn(bounded).detach();
                    }
                }
                Err(why) => {
                    if outage.failed(std::time::Instant::now()) {
                        journal::accepting_nothing(NAME, &why);
                    }
                    Timer::after(REST).await;
                }
            }
        }
    };
    connections.run(accepting).await
}

/// One connection, one request.
async fn answer(stream: TcpStream, page: &(impl Page + Sync)) {
    let respond = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(respond(&request, page).await)
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(REQUEST_OCTETS_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(smol_hyper::rt::FuturesIo::new(stream), respond);
    if let Err(why) = served.await {
        log::debug!("metrics: {why}");
    }
}

async fn respond(request: &Request<Incoming>, page: &impl Page) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND, "the page is /metrics\n");
    }
    // hyper leaves the content of an answer to HEAD out.
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD alone\n");
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    match page.text().await {
        Some(text) => of(StatusCode::OK, text),
        None => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "the store cannot be read; the log says why\n",
        ),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    of(status, text.to_string())
}

fn of(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let format = HeaderValue::from_static(FORMAT);
    response.headers_mut().insert(CONTENT_TYPE, format);
    response
}
