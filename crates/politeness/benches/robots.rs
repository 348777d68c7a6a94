//! What robots.txt costs: reading a file as large as they are read, and a verdict under few and many rules.

use std::{fmt::Write, hint::black_box};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dragline_model::CanonicalUrl;
use dragline_politeness::{BYTES_MAX, Robots};

const AGENT: &str = "dragline/0.1 (+mailto:a@b.example)";

/// Rules as sites have them: folders mostly, every tenth with a wildcard.
fn file(rules: usize) -> String {
    let mut file = "User-agent: *\n".to_owned();
    for n in 0..rules {
        // Writing into a string does not fail.
        let _ = match n % 10 {
            9 => writeln!(file, "Disallow: /section-{}/*.pdf?id={n}$", n % 97),
            4 => writeln!(file, "Allow: /section-{}/page-{n}/index", n % 97),
            _ => writeln!(file, "Disallow: /section-{}/page-{n}/", n % 97),
        };
    }
    file
}

/// Rules that all begin alike, and none of which can be told from the beginning of a path.
fn wildcards(rules: usize) -> String {
    (0..rules).fold("User-agent: *\n".to_owned(), |file, n| file + &format!("Disallow: /*x{n}\n"))
}

fn read(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    let small = "User-agent: *\nDisallow: /wp-admin/\nAllow: /wp-admin/admin-ajax.php\n\nSitemap: https://a.example/s.xml\n";
    let mut large = file(20_000);
    large.truncate(BYTES_MAX);
    let shortest = format!("user-agent: *\n{}", "allow:/\n".repeat(BYTES_MAX / 8));
    let comment = "#".repeat(BYTES_MAX);
    for (name, file) in [
        ("100 bytes", small),
        ("500 KiB", &large),
        ("500 KiB of the shortest rules", &shortest),
        ("500 KiB, one line", &comment),
    ] {
        group.throughput(Throughput::Bytes(file.len().min(BYTES_MAX) as u64));
        group.bench_function(name, |b| b.iter(|| Robots::parse(black_box(file.as_bytes()))));
    }
    group.finish();
}

fn decide(c: &mut Criterion) {
    let urls: Vec<CanonicalUrl> = [
        "https://a.example/section-13/page-110/x.html?a=b",
        "https://a.example/",
        "https://a.example/section-40/other.pdf?id=7",
    ]
    .into_iter()
    .filter_map(|url| CanonicalUrl::parse(url).ok())
    .collect();
    let mut group = c.benchmark_group("verdict");
    group.throughput(Throughput::Elements(urls.len() as u64));
    for rules in [10, 1_000, 100_000] {
        for (name, file) in [("rules", file(rules)), ("wildcards", wildcards(rules))] {
            let robots = Robots::parse_within(file.as_bytes(), file.len());
            group.bench_function(BenchmarkId::new(name, rules), |b| {
                b.iter(|| urls.iter().filter(|url| robots.allows(AGENT, black_box(url))).count());
            });
        }
    }
    // The most that a file and a URL can cost together: no rule matches, and each has to be looked for all
    // through the path, which has every pair of their bytes.
    let digits: String = (0..4_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 7).to_string()).collect();
    let long = format!("/x{}", &digits[..8_000]);
    let robots = Robots::parse(wildcards(100_000).replace("/*x", "/*x555555").as_bytes());
    group.throughput(Throughput::Elements(1));
    group.bench_function("the worst: 500 KiB of wildcards, a path of 8 KB", |b| {
        b.iter(|| robots.verdict_at(AGENT, black_box(&long)).allowed);
    });
    let robots = Robots::parse(format!("user-agent: *\ndisallow: /{}b$\n", "*a".repeat(1000)).as_bytes());
    let path = format!("/{}", "a".repeat(8_000));
    group.bench_function("a thousand wildcards, a path of 8 KB", |b| {
        b.iter(|| robots.verdict_at(AGENT, black_box(&path)).allowed);
    });
    group.finish();
}

criterion_group!(benches, read, decide);
criterion_main!(benches);
