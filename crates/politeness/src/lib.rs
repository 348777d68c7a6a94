//! Manners: what a host wants to be left alone, and how often it wants to be asked.
//!
//! Owns robots.txt (RFC 9309) from its bytes to a verdict, the rules of how long a fetched one holds, the robots
//! directives of pages, and the pace of one host. Text and clocks are arguments: no I/O here, no clock, no
//! random number, and nobody else's state.
//!
//! ```
//! use dragline_model::CanonicalUrl;
//! use dragline_politeness::Robots;
//!
//! let robots = Robots::parse(b"User-agent: *\nDisallow: /private/\nCrawl-delay: 2\n");
//! let url = CanonicalUrl::parse("https://a.example/private/x")?;
//! assert!(!robots.allows("dragline/0.1", &url));
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
pub use pace::{Adaptive, Because, NextStart, Pace, PaceRules, Told};

mod back_off;
pub use back_off::{BackOff, BackOffRules};

mod retry_after;
pub use retry_after::retry_after;

mod date;
