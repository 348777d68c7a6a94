//! What a page does when it is asked for, and which pages do what.
//!
//! Owns the one table of misbehaviour. Only leaves of a host's link tree misbehave, so that nothing is reached
//! through a page that may never come; malformed HTML is the exception, since its links can be read.

use std::io;

use crate::dice::{Dice, Purpose};

/// Makes [`Faults`], [`Behaviour`] and the list of both from one table.
macro_rules! faults {
    ($($(#[doc = $doc:literal])* $field:ident => $behaviour:ident,)*) => {
        /// The share of a host's pages that misbehave, by kind; all 0 by default.
        ///
        /// Shares are of all pages of a host: `not_found: 0.01` with 1,000 pages is exactly ten 404s a host
        /// (with 10 pages it is one on every tenth host, on average). Only leaves of the link tree
        /// misbehave, about `1 - 2 / links_per_page` of all pages; shares that ask for more are refused at
        /// the start.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct Faults {
            $($(#[doc = $doc])* pub $field: f64,)*
            /// Malformed HTML: tags that are unclosed, crossed, in capitals or twice as attributes, NULs, a
            /// charset that lies, links in comments and scripts that are none. Its links can be read all
            /// the same, and pages with children may be of this kind. A page drawn for two kinds is of the
            /// other.
            pub malformed_html: f64,
        }

        /// What one page does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Behaviour {
            /// Answers 200 with a length, at once.
            Plain,
            MalformedHtml,
            $($behaviour,)*
        }

        impl Faults {
            /// Every kind at the same share: a web with a bit of everything.
            pub fn mixed(share: f64) -> Self {
                Self { $($field: share,)* malformed_html: share }
            }

            /// The kinds that leaves are cast for.
            fn leaf_shares(&self) -> impl Iterator<Item = (&'static str, Behaviour, f64)> {
                [$((stringify!($field), Behaviour::$behaviour, self.$field),)*].into_iter()
            }
        }
    };
}

faults! {
    /// 200, after [`crate::WebSpec::slow_delay`].
    slow => Slow,
    /// 404.
    not_found => NotFound,
    /// 410.
    gone => Gone,
    /// 500, always.
    server_error => ServerError,
    /// 503 the first time, 200 from then on.
    busy => Busy,
    /// 429 with `Retry-After: 1` the first time, 200 from then on.
    throttled => Throttled,
    /// 301, 302, 303, 307 or 308 to another page of the host; `Location` absolute, a path, or relative.
    redirect => Redirect,
    /// A redirect to the first page of another host (of its own, where there is only one).
    redirect_away => RedirectAway,
    /// A redirect to a redirect, … to a page: four in all.
    redirect_chain => RedirectChain,
    /// Redirects that lead back to the first after three.
    redirect_loop => RedirectLoop,
    /// `Content-Length` says more than comes before the connection is closed.
    short_body => ShortBody,
    /// Chunked, and the connection is closed inside a chunk.
    cut_chunked => CutChunked,
    /// The connection is closed in place of an answer.
    closed => Closed,
    /// The connection is reset in place of an answer.
    reset => Reset,
    /// No answer, and the connection stays open.
    hang => Hang,
    /// Something that is no HTTP, then closed.
    malformed_head => MalformedHead,
    /// 200 with [`crate::WebSpec::big_bytes`] more than an ordinary page.
    big => Big,
    /// 200, chunked, for ever.
    endless => Endless,
    /// 200 with no length: the body ends where the connection does.
    close_delimited => CloseDelimited,
    /// 200, chunked, in order.
    chunked => Chunked,
    /// 200, `Content-Encoding: gzip` whatever was asked for.
    gzip => Gzip,
    /// 200 with 10,000 links, all to pages of the host.
    many_links => ManyLinks,
    /// 200 with a million elements inside one another, none closed.
    deep => Deep,
    /// 200 below `/private/`, which robots.txt forbids where there is one.
    private => Private,
}

/// Which page has which behaviour, for all hosts of a web.
#[derive(Debug)]
pub(crate) struct Casting {
    seed: u64,
    pages: u64,
    /// Pages below this number have children.
    inner: u64,
    /// Behaviours with the upper end of their ranks; those that nobody plays are left out.
    cuts: Vec<(Behaviour, f64)>,
    leaf_stride: u64,
    /// Pages of malformed HTML on each host, before leaves that do something else.
    malformed: f64,
    page_stride: u64,
}

/// Swallows what adding up decimal shares gets wrong.
const ROUNDING: f64 = 1e-6;

impl Casting {
    /// Casts `pages` pages, of which the first `inner` have children.
    ///
    /// # Errors
    /// A share that is no number in 0 to 1, or more misbehaviour than there are leaves.
    pub(crate) fn new(seed: u64, pages: u64, inner: u64, faults: &Faults) -> io::Result<Self> {
        let leaves = pages - inner;
        let mut sum = 0.0;
        let mut cuts = Vec::new();
        let named = faults.leaf_shares().map(|(name, _, share)| (name, share));
        for (name, share) in named.chain([("malformed_html", faults.malformed_html)]) {
            if !(0.0..=1.0).contains(&share) {
                return Err(refused(format!("faults.{name} is {share}: a share is a number from 0 to 1")));
            }
        }
        for (_, behaviour, share) in faults.leaf_shares().filter(|(_, _, share)| *share > 0.0) {
            sum += share;
            cuts.push((behaviour, sum * pages as f64 + ROUNDING));
        }
        if sum * pages as f64 > leaves as f64 + ROUNDING {
            return Err(refused(format!(
                "faults add up to {:.1} pages a host, but only the {leaves} of its {pages} pages that are leaves of the \
                 link tree can misbehave: lower the shares, or raise links_per_page",
                sum * pages as f64
            )));
        }
        Ok(Self {
            seed,
            pages,
            inner,
            cuts,
            leaf_stride: stride(leaves),
            malformed: faults.malformed_html * pages as f64 + ROUNDING,
            page_stride: stride(pages),
        })
    }

    /// What a page does. The first page of a host is always plain: it is the way in.
    pub(crate) fn of(&self, host: u32, page: u32) -> Behaviour {
        if page == 0 || (self.cuts.is_empty() && self.malformed <= ROUNDING) {
            return Behaviour::Plain;
        }
        let mut dice = Dice::of(self.seed, host, 0, Purpose::Cast);
        // A fraction of a page is a whole page on that fraction of the hosts.
        let (turn, fraction) = (dice.next() >> 32, dice.unit());
        let page = u64::from(page);
        if page >= self.inner && !self.cuts.is_empty() {
            let leaves = (self.pages - self.inner).max(1);
            let rank = ((page - self.inner) * self.leaf_stride + turn) % leaves;
            let rank = rank as f64 + fraction;
            if let Some((behaviour, _)) = self.cuts.iter().find(|(_, end)| rank < *end) {
                return *behaviour;
            }
        }
        let rank = (page * self.page_stride + turn) % self.pages;
        if (rank as f64 + fraction) < self.malformed { Behaviour::MalformedHtml } else { Behaviour::Plain }
    }
}

/// A step that visits each of `n` places once and goes far from the last one each time: coprime to `n`, near
/// its golden section.
pub(crate) fn stride(n: u64) -> u64 {
    let gcd = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let first = (n as f64 * 0.618) as u64 + 1;
    (first..).find(|s| gcd(*s, n) == 1).unwrap_or(1)
}

pub(crate) fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(casting: &Casting, host: u32, behaviour: Behaviour) -> usize {
        (0..casting.pages as u32).filter(|page| casting.of(host, *page) == behaviour).count()
    }

    #[test]
    fn shares_are_exact_on_every_host() {
        let faults =
            Faults { not_found: 0.1, hang: 0.05, gzip: 0.2, malformed_html: 0.1, ..Faults::default() };
        let casting = Casting::new(9, 200, 20, &faults).unwrap();
        for host in 0..20 {
            assert_eq!(count(&casting, host, Behaviour::NotFound), 20);
            assert_eq!(count(&casting, host, Behaviour::Hang), 10);
            assert_eq!(count(&casting, host, Behaviour::Gzip), 40);
            let malformed = count(&casting, host, Behaviour::MalformedHtml);
            assert!((5..=20).contains(&malformed), "{malformed}");
        }
        assert!((1..20).all(|p| matches!(casting.of(3, p), Behaviour::Plain | Behaviour::MalformedHtml)));
    }

    #[test]
    fn a_fraction_of_a_page_is_a_page_on_some_hosts() {
        let casting = Casting::new(9, 10, 2, &Faults { gone: 0.05, ..Faults::default() }).unwrap();
        let hosts = (0..1_000).filter(|host| count(&casting, *host, Behaviour::Gone) == 1).count();
        assert!((400..600).contains(&hosts), "{hosts}");
    }

    #[test]
    fn too_much_misbehaviour_is_refused() {
        let error = |faults| Casting::new(1, 100, 20, &faults).unwrap_err().to_string();
        let text = error(Faults { hang: 0.5, gone: 0.4, ..Faults::default() });
        assert!(text.contains("90.0 pages") && text.contains("the 80 of its 100"), "{text}");
        assert!(error(Faults { deep: -0.1, ..Faults::default() }).contains("faults.deep"));
        assert!(error(Faults { slow: f64::NAN, ..Faults::default() }).contains("faults.slow"));
        assert!(Casting::new(1, 100, 20, &Faults { hang: 0.5, gone: 0.3, ..Faults::default() }).is_ok());
    }
}
