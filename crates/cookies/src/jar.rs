//! The jar: the one door to its cookies, for any number of threads.
//!
//! Owns the lock, the limits and the glance that tells an empty jar without taking the lock. Decides nothing
//! about a cookie.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use dragline_model::CanonicalUrl;

use crate::{BadLine, Refusal, cookie::Cookie, netscape, set_cookie, store::Store};

/// How much a jar keeps, and how closely cookies stay with who set them.
///
/// # Where a cookie goes
///
/// Hosts, paths and `Secure` are as in RFC 6265bis, in which scheme and port are no part of a cookie. With
/// [`strict_origin`](Self::strict_origin) they are:
///
/// | set by | without `Domain` it goes to | with `Domain` it goes, at the hosts of that domain, to |
/// |---|---|---|
/// | `http://h` | `http://h`, `https://h` | ports 80 and 443 |
/// | `https://h` | `https://h` | port 443 |
/// | `http://h:8080` | `http://h:8080` | `http` at 8080, and ports 80 and 443 |
/// | `https://h:8443` | `https://h:8443` | `https` at 8443, and port 443 |
///
/// (80 meaning `http` and 443 meaning `https`.) So what came over HTTPS never leaves over plain HTTP, be it
/// `Secure` or not, and no server at another port of the same machine is sent what was not set there.
///
/// What cannot be read cannot be replaced either: each scheme has cookies of its own, and each port those
/// without `Domain`. One exception goes upward, as the cookies do: once HTTPS has set or removed a cookie,
/// one of the same name, domain and path that plain HTTP had set is no longer sent to HTTPS.
///
/// Without `strict_origin` it is all as in RFC 6265bis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most cookies of one site (registrable domain, or address): 50, the least that bis §6.1 asks for.
    pub per_site: usize,
    /// Most cookies of all sites: 3,000, the least that bis §6.1 asks for. The largest cookies that there
    /// can be, with the longest path of a URL each, then take 36 MB; usual ones take some 1 MB.
    pub total: usize,
    /// Most bytes of a `Cookie` header's value: 8,192. Common servers refuse a field longer than that, and
    /// with it the request. What does not fit is left out, the oldest first.
    pub header_bytes: usize,
    /// Cookies stay with the scheme and port that set them, as in the table above.
    pub strict_origin: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_site: 50, total: 3000, header_bytes: 8192, strict_origin: true }
    }
}

/// A cookie jar, shared by cloning: a clone is the same jar.
///
/// A jar belongs to one crawl or one run, and is given to nobody else. Cookies come in by
/// [`take_in`](Self::take_in) or [`read_netscape`](Self::read_netscape), go out by
/// [`header_for`](Self::header_for), and end when their time is over, when their server removes them, when
/// others need the room, or with [`clear`](Self::clear).
#[derive(Clone)]
pub struct Jar(Arc<Inside>);

struct Inside {
    limits: Limits,
    /// The store's length as of the last change: a jar that nobody uses costs this one load.
    len: AtomicUsize,
    store: Mutex<Store>,
}

impl Default for Jar {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Jar {
    /// An empty jar.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Inside { limits, len: AtomicUsize::new(0), store: Mutex::default() }))
    }

    /// Takes in the value of one `Set-Cookie` field of an answer of `url`, as it came.
    ///
    /// A cookie that is over already removes the one it stands for, and that is no refusal. Answers of every
    /// status count (bis §5.3), redirects among them.
    pub fn take_in(&self, url: &CanonicalUrl, set_cookie: &[u8], now: SystemTime) -> Result<(), Refusal> {
        let cookie = Cookie::admitted(&set_cookie::parse(set_cookie, now)?, url)?;
        self.with(|store| store.receive(cookie, &self.0.limits, now))
    }

    /// The value of the `Cookie` field of a request for `url`; none where there is nothing to send.
    ///
    /// Has no control character but perhaps a tab, and may have characters beyond ASCII: it goes into a
    /// header as bytes. To be asked anew for the target of every redirect.
    pub fn header_for(&self, url: &CanonicalUrl, now: SystemTime) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        self.with(|store| store.header_for(url, &self.0.limits, now))
    }

    /// How many cookies there are. One whose time is over counts until its site is looked at again.
    pub fn len(&self) -> usize {
        self.0.len.load(Ordering::Acquire)
    }

    /// True for a jar without cookies.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all cookies.
    pub fn clear(&self) {
        self.with(Store::clear);
    }

    /// Takes in the cookies of a Netscape `cookies.txt`, the form that curl and wget keep theirs in.
    ///
    /// Answers how many were taken in; lines whose time is over are passed over. A line that is not in the
    /// form, or that no server could have set (a public suffix, a broken prefix, …), is an error, and then
    /// nothing of the file is taken in.
    ///
    /// The form has no room for scheme and port. A cookie is taken to be set at `https://host` where it is
    /// `Secure` and at `http://host` where it is not, unless a comment says otherwise in the line above it,
    /// as [`write_netscape`](Self::write_netscape) has them: `#dragline-origin http:8080`. (With ` stays` behind
    /// it, a cookie of plain HTTP does not go up to HTTPS, where its namesake was set or removed.)
    pub fn read_netscape(&self, text: &str, now: SystemTime) -> Result<usize, BadLine> {
        let cookies = netscape::read(text, now)?;
        Ok(self.with(|store| {
            let placed = cookies.into_iter().map(|cookie| store.place(cookie, &self.0.limits, now));
            placed.filter(Result::is_ok).count()
        }))
    }

    /// All cookies in the form of a Netscape `cookies.txt`, in the order of their creation.
    ///
    /// Those of a session are in it, with a 0 for their end; ends are cut to whole seconds. A cookie with a
    /// tab in it is left out: the form has tabs between its fields.
    ///
    /// What comes out is secret: a file of it is for its owner's eyes only.
    pub fn write_netscape(&self, now: SystemTime) -> String {
        netscape::write(&self.lock().in_order(now))
    }

    fn with<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.lock();
        let outcome = change(&mut store);
        self.0.len.store(store.len(), Ordering::Release);
        outcome
    }

    /// Cookies of a jar that somebody panicked over are still cookies.
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many, and never which.
impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jar").field("cookies", &self.len()).field("limits", &self.0.limits).finish()
    }
}
