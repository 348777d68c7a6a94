//! The records: pages by number, the same on both sides and in every run.
//!
//! Owns what is in them. Knows neither side.

/// Phrases that texts are made of: as repetitive as a site's prose and frame, so that gzip makes a fifth of a page.
const PHRASES: u64 = 80;
/// Words in one.
const WORDS: u64 = 8;
/// Bodies, in bytes.
const BODY_BYTES: std::ops::Range<u64> = 2_000..60_000;
/// The first record was fetched then, in milliseconds since 1970; each next one so much later.
pub const BEGUN_MS: u64 = 1_790_000_000_000;
pub const EVERY_MS: u64 = 20;

/// Some records.
pub struct Pages {
    pub records: u64,
    pub hosts: u64,
    phrases: Vec<String>,
}

/// One record.
pub struct Page {
    pub url: String,
    pub via: String,
    pub host: String,
    pub status: u16,
    pub mime: &'static str,
    pub fetched_ms: u64,
    pub request: String,
    pub head: String,
    pub body: Vec<u8>,
}

/// Numbers that look drawn by chance (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }
}

impl Pages {
    pub fn new(records: u64, hosts: u64) -> Self {
        let mut dice = Dice(1);
        let word = |dice: &mut Dice| {
            let letters = b"etaoinshrdlucmfwypvbgk";
            let length = 2 + dice.below(8);
            let letter = |dice: &mut Dice| {
                let one = dice.below(22).min(dice.below(22));
                char::from(letters[one as usize])
            };
            (0..length).map(|_| letter(dice)).collect::<String>()
        };
        let words: Vec<String> = (0..4_000).map(|_| word(&mut dice)).collect();
        let phrase = |dice: &mut Dice| {
            let some: Vec<&str> =
                (0..WORDS).map(|_| words[dice.below(words.len() as u64) as usize].as_str()).collect();
            some.join(" ")
        };
        let phrases = (0..PHRASES).map(|_| phrase(&mut dice)).collect();
        Self { records, hosts, phrases }
    }

    pub fn host(&self, n: u64) -> String {
        format!("www{}.example.org", n % self.hosts)
    }

    pub fn url(&self, n: u64) -> String {
        // Sites are not crawled in the order of their addresses.
        let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
        format!("https://{}/section-{}/{scattered:05x}/page-{n}.html", self.host(n), n / self.hosts % 50)
    }

    /// One in twenty is not there.
    pub fn status(n: u64) -> u16 {
        if n % 20 == 7 { 404 } else { 200 }
    }

    /// One in ten is no HTML.
    pub fn mime(n: u64) -> &'static str {
        if n % 10 == 3 { "text/plain" } else { "text/html" }
    }

    pub fn fetched_ms(n: u64) -> u64 {
        BEGUN_MS + n * EVERY_MS
    }

    /// So many of the records are like the first for which that holds.
    pub fn count(&self, is_one: impl Fn(u64) -> bool) -> u64 {
        (0..self.records).filter(|n| is_one(*n)).count() as u64
    }

    pub fn page(&self, n: u64) -> Page {
        let mut dice = Dice(n.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let bytes = BODY_BYTES.start + dice.below(BODY_BYTES.end - BODY_BYTES.start);
        let mut body = String::with_capacity(bytes as usize + 200);
        body.push_str("<!doctype html><html><head><meta charset=utf-8><title>");
        body.push_str(&format!("Page {n}</title></head><body><main>\n"));
        while (body.len() as u64) < bytes {
            let paragraph = dice.below(1 << 32);
            body.push_str(&format!("<p class=\"text\" id=\"p{paragraph:x}\">"));
            for _ in 0..4 + dice.below(8) {
                body.push_str(&self.phrases[dice.below(PHRASES) as usize]);
                body.push_str(". ");
            }
            body.push_str("</p>\n");
        }
        body.push_str("</main></body></html>\n");
        let (url, mime, status) = (self.url(n), Self::mime(n), Self::status(n));
        let path = &url[url.find(".org").map_or(0, |at| at + 4)..];
        Page {
            request: format!(
                "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: dragline\r\nAccept: */*\r\n\r\n",
                self.host(n)
            ),
            head: format!(
                "HTTP/1.1 {status} OK\r\nServer: nginx\r\nDate: Mon, 21 Sep 2026 13:33:20 GMT\r\nContent-Type: {mime}\r\n\
                 Content-Length: {}\r\nConnection: keep-alive\r\nETag: \"{n:x}\"\r\n\r\n",
                body.len()
            ),
            via: self.url(n / 10),
            host: self.host(n),
            fetched_ms: Self::fetched_ms(n),
            body: body.into_bytes(),
            url,
            status,
            mime,
        }
    }

    /// Numbers of records, drawn by chance.
    pub fn some(&self, many: u64) -> Vec<u64> {
        let mut dice = Dice(77);
        (0..many).map(|_| dice.below(self.records)).collect()
    }
}
