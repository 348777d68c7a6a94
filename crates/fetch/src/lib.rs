//! One HTTP/1 request, from a canonical URL to a [`Page`] or the [`Failure`] that says why there is none.
//!
//! Owns the wire: names to addresses, the address guard, TCP, TLS, kept connections, message framing, time
//! and size limits, and the words for what goes wrong. Never retries by policy (the one exception is a kept
//! connection that was closed under a request), never follows a redirect, never decides who is next, and
//! never undoes a content coding. The only crate that knows awc.
//!
//! awc writes the request line and drives the exchange; under it lies a connector of ours
//! (`connector.rs`), whose streams each carry one request and one answer (`wire_io.rs`). awc is shown an
//! answer's status alone. The head as it came, and the connection with the body on it, are handed round awc
//! through the exchange (`exchange.rs`), and the body is read from the socket to its place in one step.
//!
//! ```
//! use dragline_fetch::{Client, Request, Settings, Shared};
//! use dragline_model::{CanonicalUrl, FailureKind};
//!
//! # actix_rt::System::new().block_on(async {
//! let shared = Shared::new(Settings::default())?; // once per process
//! let client = Client::new(&shared); // once per thread, on it
//! let url = CanonicalUrl::parse("http://127.0.0.1/")?;
//! let failure = client.fetch(&Request::get(url)).await.unwrap_err();
//! assert_eq!(failure.kind, FailureKind::Refused);
//! assert_eq!(failure.detail, "127.0.0.1 is a loopback address; --allow-net 127.0.0.0/8 lifts the guard");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! [`Page`]: dragline_model::Page
//! [`Failure`]: dragline_model::Failure

mod settings;
pub use settings::{Limits, Settings, SettingsError};

mod net;
pub use net::Net;

mod host_pattern;
pub use host_pattern::HostPattern;

mod auth;
pub use auth::{Auth, OriginAuth};

mod overrides;
pub use overrides::Override;

mod proxy;
pub use proxy::Proxy;

mod files;
pub use files::raise_open_files;

mod whereabouts;
pub use whereabouts::Addresses;

mod shared;
pub use shared::Shared;

mod method;
pub use method::{Method, MethodError};

mod request;
pub use request::{Request, field_objection};

mod client;
pub use client::Client;

mod connector;
mod exchange;
mod wire_io;

mod dial;
mod eyeballs;
mod gate;
mod guard;
mod habits;
mod idle;
mod names;
mod stream;
mod targets;
mod tls;

mod bodies;
mod body;
mod chunked;
mod framing;
mod heads;
mod patience;
mod receive;

#[cfg(fuzzing)]
pub mod fuzzing;
