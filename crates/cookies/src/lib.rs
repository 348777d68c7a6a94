//! A cookie jar for one crawl or one run: what servers set, kept within bounds and given back to nobody else.
//!
//! Owns the parsing of `Set-Cookie`, the rules of which cookie goes where, and the `cookies.txt` form of a
//! jar. Never reads a clock (`now` is an argument), never touches the network or the disk, and never shows a
//! cookie's value but in the header and the file it is asked for.
//!
//! The rules are those of RFC 6265bis (draft-ietf-httpbis-rfc6265bis-22, named *bis* in this crate). Where
//! the jar differs from it, it is stricter:
//!
//! - **Origins.** A cookie stays with the scheme and port that set it; the table is at [`Limits`].
//! - **Sites.** A `Domain` that reaches over a public suffix is refused even where it is none itself:
//!   `amazonaws.com`, asked for by `bucket.s3.amazonaws.com`, would hold every other customer too.
//! - **Prefixes.** `__Http-` and `__Host-Http-`, which browsers have since taken up, are held to as well.
//! - **Disguise.** A cookie without a name whose value has a `=` is refused: it would be sent looking like
//!   another one, past the rules that protect that one.
//! - **Text.** A cookie that is not UTF-8 is refused, since what is sent back is a string.
//!
//! `SameSite` is read past. It protects a person's session from requests that other sites' pages make in
//! their browser; here no page makes requests, and a redirect is a new request of the crawl's own, so every
//! request is "same-site" in the sense of bis §5.2. Nothing a server asks for with it could be broken.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use dragline_cookies::{Jar, Limits, Refusal};
//! use dragline_model::CanonicalUrl;
//!
//! let jar = Jar::new(Limits::default());
//! let now = SystemTime::now();
//! let login = CanonicalUrl::parse("https://www.shop.example/login")?;
//! jar.take_in(&login, b"sid=31d4; Path=/; Secure; HttpOnly", now)?;
//! jar.take_in(&login, b"theme=dark; Domain=shop.example; Max-Age=60", now)?;
//! assert_eq!(jar.header_for(&login, now).as_deref(), Some("sid=31d4; theme=dark"));
//!
//! let other_host = CanonicalUrl::parse("https://img.shop.example/a.png")?;
//! assert_eq!(jar.header_for(&other_host, now).as_deref(), Some("theme=dark"));
//! assert_eq!(jar.header_for(&other_host, now + Duration::from_secs(60)), None);
//!
//! let refused = jar.take_in(&login, b"a=1; Domain=example", now);
//! assert_eq!(refused, Err(Refusal::PublicSuffix("example".into())));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod jar;
pub use jar::{Jar, Limits};

mod refusal;
pub use refusal::{BadLine, Refusal};

// From the bytes of a header, or of a file, to what is asked for.
mod date;
mod netscape;
mod set_cookie;

// From what is asked for to a cookie that is kept, and where it goes.
mod cookie;
mod domain;
mod origin;
mod path;
mod store;
