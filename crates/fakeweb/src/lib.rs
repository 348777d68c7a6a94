//! A seeded, hostile, measurable web of many hosts on loopback.
//!
//! Owns a web that exists only as a function: every URL, link, title and misbehaviour follows from a seed, so
//! what a complete crawl must find ([`Web::truth`]) is computed without asking the server, and what was asked
//! of it is in a log ([`Web::log`]) with times and connections. Ten thousand hosts of a thousand pages start at
//! once, because nothing is made before it is asked for. Knows nothing of any crawler.
//!
//! All hosts are one loopback port: send a crawler there with `--resolve '*.fakeweb.test=127.0.0.1:PORT'`
//! ([`Web::resolve_rule`]), or use the server as its proxy (requests in absolute form are answered too). They can
//! be spread over several loopback addresses ([`WebSpec::addresses`]), for who is polite to machines too.
//!
//! How polite a crawler was is in the log as well: [`Web::manners`] holds it against what was promised.
//!
//! ```
//! use std::{io::{Read, Write}, net::TcpStream};
//! use dragline_fakeweb::{Expect, Faults, WebSpec};
//!
//! let faults = Faults { not_found: 0.1, ..Faults::default() };
//! let web = WebSpec { hosts: 2, pages_per_host: 50, faults, ..WebSpec::default() }.start()?;
//! let truth = web.truth(&web.seeds());
//! assert_eq!(truth.len(), 2 * 50);
//! assert_eq!(truth.values().filter(|e| **e == Expect::Status(404)).count(), 2 * 5);
//!
//! let mut socket = TcpStream::connect(web.addr())?;
//! write!(socket, "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", web.host(0))?;
//! let mut answer = String::new();
//! socket.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
//! assert_eq!(web.requests(), 1);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Beside the hosts of numbers there can be sites by name: [traps](Trap), an honest [archive](Archive), a site
//! [without end](Endless) and a [portal](Portal) of data.
//!
//! For a test that needs one exact conversation there are scripts: bytes, waits and cuts for one path, with a
//! [`Gate`] where the test wants to decide when it goes on.

mod spec;
pub use spec::WebSpec;

mod behaviour;
pub use behaviour::Faults;

mod robots;
pub use robots::RobotsKinds;

mod refusals;
pub use refusals::Refusals;

mod script;
pub use script::{Gate, Script, Step};

mod sites;
pub use sites::{Archive, Endless, Portal, Trap};

mod web;
pub use web::Web;

mod truth;
pub use truth::{Expect, Scope};

mod log;
pub use log::{Method, Served};

mod manners;
pub use manners::{Lateness, Manners, Offence, Promise, TOLERANCE, Violation};

mod plan;

mod naming;

mod http_date;

mod turns;

mod graph;

mod markup;

mod reference;

mod words;

mod dice;

mod answer;

mod connection;

mod request;
