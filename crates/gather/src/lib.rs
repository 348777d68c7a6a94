//! Many slow questions asked at once, and every answer as it arrives.
//!
//! Owns the second main job beside crawling: which question goes when, where redirects lead and what goes along,
//! what is asked again, and what counts as an answer. Never touches a socket (that is `dragline-fetch`'s) and
//! never keeps anything: an answer can carry what came over the wire for whoever has a store.
//!
//! Five calls that take two seconds each take two seconds, whatever the server makes of kept connections:
//!
//! ```
//! # use std::{io::{Read, Write}, net::TcpListener};
//! use dragline_gather::{Gather, Input};
//!
//! # let server = TcpListener::bind("127.0.0.1:0")?;
//! # let address = server.local_addr()?;
//! # std::thread::spawn(move || for socket in server.incoming() {
//! #     let Ok(mut socket) = socket else { return };
//! #     std::thread::spawn(move || while socket.read(&mut [0; 4096]).is_ok_and(|bytes| bytes > 0) {
//! #         let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[\"a\",\"b\"]");
//! #     });
//! # });
//! # let settings = dragline_fetch::Settings { allow_net: vec!["127.0.0.0/8".parse()?], ..Default::default() };
//! let calls = Input::new([format!("http://{address}/items?page=[1-5]")]);
//! let gather = Gather::new(calls).expect("json,2xx".parse()?);
//! # let gather = gather.settings(settings);
//! let mut items = 0;
//! for answer in gather.start()? {
//!     match answer.parse::<Vec<String>>() {
//!         Ok(page) => items += page.len(),
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! assert_eq!(items, 10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! ```text
//!   source ──calls──► dispatcher ──errands──► worker 0 … N-1 ──answers──► Answers
//!   (own thread)      (own thread)            (one thread, one client each)  (the caller's)
//!      ≤ 256            roster: origins,          one task an errand
//!                       slots, rests, pace ◄──notes──┘
//! ```
//!
//! | what is bounded | by | default |
//! |---|---|---|
//! | requests out | [`Gather::concurrency`], and the open files there are | 1,024 |
//! | requests out to one origin | [`Gather::per_host`] | 32 |
//! | starts in a time | [`Gather::rate`] | |
//! | answers not yet taken, with those that are out | concurrency + 256 | |
//! | their bodies | no request begins past it; large bodies wait | 64 MiB |
//! | the same in the order of the questions | no request begins past it but the one that is due; what is out is reckoned with at the usual size of a body | 64 MiB |
//! | calls drawn from the source that wait for their origin | | 65,536 |
//! | a call's redirects, further attempts | [`Gather::redirects`], [`Gather::retries`] | 10, 2 |
//! | one body | [`Gather::body_limit`] | 16 MiB |
//! | large bodies (over 256 KiB) worked on at a time | one permit over all workers | 1 |
//!
//! Bodies of what is out when a bound is reached come on top: small ones (up to 256 KiB) at any time, and in the
//! order of the questions large ones too, where they are larger than those before them; they cannot wait there,
//! because what they would wait for may be behind them. [`Gather::concurrency`] times [`Gather::body_limit`] is
//! then the most.
//!
//! A call that waits, for its turn, for a rest that a server asked for, or for another attempt, holds no slot.

mod call;
pub use call::Call;
pub use dragline_fetch::Auth;

mod glob;
pub use glob::Glob;

mod input;
pub use input::Input;

mod error;
pub use error::GatherError;

mod gather;
pub use gather::Gather;

mod rate;
pub use rate::Rate;

mod expect;
pub use expect::Expect;

mod answers;
pub use answers::{AnswerStream, Answers, Handle};

mod answer;
pub use answer::{Answer, Cut, Hop, Kept, NotJson, Try};

mod line;
pub use line::Line;

mod board;
pub use board::Progress;

mod dispatcher;
mod feed;
mod roster;
mod worker;

mod errand;
mod redirect;
mod rules;
mod verdict;

mod glimpse;
