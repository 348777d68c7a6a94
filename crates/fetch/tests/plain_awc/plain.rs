//! awc as it comes, and one line for what it makes of a server.

use std::time::Duration;

use awc::error::{PayloadError, SendRequestError};
use tokio::time::timeout;

/// Stands for "for ever": far longer than a loopback server takes that means to answer.
pub(crate) const FOR_EVER: Duration = Duration::from_millis(400);

/// A client with awc's own defaults, but for the wait for a head (5 s).
pub(crate) fn plain() -> awc::Client {
    awc::Client::builder().timeout(FOR_EVER).finish()
}

/// Asks once.
pub(crate) async fn asked(client: &awc::Client, url: &str) -> String {
    told(client.get(url)).await
}

/// `200 "body"`, `200 waits for the body`, `200, then an error`, `an error`: its words are its own affair.
pub(crate) async fn told(request: awc::ClientRequest) -> String {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(SendRequestError::Timeout) => return "waits for the head".to_owned(),
        Err(_) => return "an error".to_owned(),
    };
    let status = response.status().as_u16();
    match timeout(FOR_EVER, response.body()).await {
        Err(_) => format!("{status} waits for the body"),
        Ok(Ok(body)) if body.len() > 100 => format!("{status} {} bytes", body.len()),
        Ok(Ok(body)) => format!("{status} {:?}", String::from_utf8_lossy(&body)),
        Ok(Err(PayloadError::Overflow)) => format!("{status}, then too large"),
        Ok(Err(_)) => format!("{status}, then an error"),
    }
}
