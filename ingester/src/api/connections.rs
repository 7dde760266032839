//! HTTP connections: how many there may be at a time, and how long one may take to say what it asks. Who sends nothing, or a header a letter
//! at a time, needs no token for it, and would take a socket of the process each time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::add_extension::AddExtension;

use super::listener::{Listener, Peer};

/// What connections are bound by.
#[derive(Debug, Clone, Copy)]
pub struct Connections {
    /// At a time; who comes then waits in the listener's backlog.
    pub most: usize,
    /// For the header of a request, from the connection's begin or the end of the answer before.
    pub header_timeout: Duration,
}

/// Serves until `stop`, then finishes what was asked.
pub(super) async fn serve(
    mut listener: Listener,
    router: Router,
    bounds: Connections,
    stop: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.header_timeout);
    let places = Arc::new(Semaphore::new(bounds.most));
    let connections = TaskTracker::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let Some(Some((place, (socket, peer)))) = stop.run_until_cancelled(next).await else {
            break;
        };
        let service = TowerToHyperService::new(AddExtension::new(router.clone(), Peer(peer)));
        let connection = http.serve_connection(TokioIo::new(socket), service);
        let stop = stop.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "an HTTP connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}
