//! Manners: what a host wants to be left alone, and how often it wants to be asked.
//!
//! Owns robots.txt (RFC 9309) from its bytes to a verdict, the rules of how long a fetched one holds, the robots
//! directives of pages, and the pace of one host. Text and clocks are arguments: no I/O here, no clock, no
//! random number, and nobody else's state.
//!
//! | what | where |
//! |---|---|
//! | may this URL be asked for, and which line says so | [`Robots`] |
//! | where a host stands whose robots.txt cannot be had, and when it is asked for again | [`RobotsRecord`] |
//! | what a page asks of crawlers | [`x_robots_tag`], [`meta_robots`] |
//! | when a host may be asked again, and why not sooner | [`Pace`] |
//! | moments that outlive a process | [`Stamp`], [`Epoch`] |
//!
//! Nothing here fails: what cannot be read asks for nothing.
//!
//! ```
//! use std::time::Duration;
//! use dragline_model::CanonicalUrl;
//! use dragline_politeness::{Because, Pace, PaceRules, Robots, Stamp};
//!
//! let agent = "dragline/0.1 (+mailto:me@b.example)";
//! let robots = Robots::parse(b"User-agent: *\nDisallow: /private/\nCrawl-delay: 5\n");
//! let url = CanonicalUrl::parse("https://a.example/private/x")?;
//! assert!(!robots.allows(agent, &url));
//!
//! let (rules, start) = (PaceRules::default(), Stamp::default());
//! let mut pace = Pace::default();
//! pace.set_crawl_delay(robots.crawl_delay(agent, rules.crawl_delay_max));
//! pace.started(start, 0.0);
//! let next = pace.earliest(&rules, start);
//! assert_eq!((next.at, next.because), (start + Duration::from_secs(5), Because::CrawlDelay));
//! # Ok::<(), dragline_model::UrlError>(())
//! ```

mod stamp;
pub use stamp::{Epoch, Stamp};

mod robots;
pub use robots::{BYTES_MAX, Group, Line, RequestRate, Robots, Verdict, VisitTime, product_token, target_of};

mod fetching;
pub use fetching::{Brought, Freedom, Next, RobotsRecord, RobotsRules, Standing};

mod directives;
pub use directives::{Directives, meta_robots, x_robots_tag};

mod pace;
pub use pace::{Adaptive, Because, Elsewhere, NextStart, Pace, PaceRules, Told};

mod back_off;
pub use back_off::{BackOff, BackOffRules};

mod retry_after;
pub use retry_after::retry_after;

mod date;
