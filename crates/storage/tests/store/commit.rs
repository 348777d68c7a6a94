//! Committing: all or nothing, once, and every link to the first who found it.

use dragline_model::{FailureKind, Settled, Truncation, VisitId};
use dragline_storage::{Order, Store};

use crate::world::*;

#[test]
fn a_page_is_there_with_everything() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let head = "HTTP/1.1 503 Nope\r\nContent-Type: Text/HTML; charset=x\r\nRetry-After: 120\r\n\r\n";
    let visit = page(7, "http://a.example/x?q=\"é\\", "<p>hello")
        .head(503, head)
        .via("http://a.example/")
        .attempt(2)
        .truncated(Truncation::Length)
        .size(99)
        .extract_error("panicked at 'x'")
        .links(&["http://a.example/y", "https://b.example/"]);
    let receipts = commit(&store, &mut writer, vec![visit]);
    assert_eq!((receipts[0].visit.id, receipts[0].seq), (VisitId(7), 1));
    let settled = Settled::Page { status: 503, bytes: 8, retry_after: Some("120".into()) };
    assert_eq!(receipts[0].settled, settled);

    let record = store.get(&url("http://a.example/x?q=\"é\\")).unwrap().unwrap();
    assert_eq!((record.status, record.mime.as_deref()), (Some(503), Some("text/html")));
    assert_eq!((record.bytes, record.size, record.attempts, record.depth), (8, 99, 2, 1));
    assert_eq!(record.via, Some(url("http://a.example/")));
    assert_eq!(record.truncated, Some(Truncation::Length));
    assert_eq!(record.extract_error.as_deref(), Some("panicked at 'x'"));
    assert_eq!(record.links, receipts[0].new_links);
    assert_eq!(record.timings.unwrap().total.as_micros(), 12_345);
    assert_eq!(record.settled(), settled);
    let payload = store.payload(&record).unwrap();
    assert_eq!((&payload.body[..], &payload.head.as_bytes()[..]), (&b"<p>hello"[..], head.as_bytes()));
    assert!(payload.request.starts_with(b"GET /x?q="));
    assert_eq!(store.record(1).unwrap(), Some(record.clone()));
    assert_eq!(store.history(&record.url).unwrap(), [record]);
    assert_eq!(store.record(2).unwrap(), None);
}

#[test]
fn a_record_reads_well_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![failure(1, "http://a/", FailureKind::HeadTimeout)]);
    let redirect = "HTTP/1.1 301 Moved\r\nLocation: ../there#x\r\n\r\n";
    commit(
        &store,
        &mut writer,
        vec![page(2, "http://a/dir/", "").head(301, redirect).links(&["http://a/there"])],
    );
    let lines: Vec<_> = records(&store).iter().map(|r| serde_json::to_string(r).unwrap()).collect();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(
        lines,
        [
            r#"{"seq":1,"visit":1,"url":"http://a/","fetched_at":"2026-01-01T00:01:00.000Z","size":0,"bytes":0,"depth":0,"attempts":1,"error":{"kind":"head_timeout","detail":"said \"no\"\r\n"}}"#.to_owned(),
            format!(
                r#"{{"seq":2,"visit":2,"url":"http://a/dir/","status":301,"fetched_at":"2026-01-01T00:02:00.000Z","size":0,"bytes":0,"digest":"sha256:{empty}","depth":0,"location":"http://a/there","attempts":1,"timings":{{"total":12.345,"reused":true}},"peer":"192.0.2.1","links":[{{"url":"http://a/there","depth":1}}]}}"#
            ),
        ]
    );
    for (line, record) in lines.iter().zip(records(&store)) {
        assert_eq!(serde_json::from_str::<dragline_storage::Record>(line).unwrap(), record);
    }
}

#[test]
fn a_link_is_new_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    assert_eq!(writer.admit(&[seed("http://a/"), seed("http://a/")]).unwrap(), [seed("http://a/")]);
    assert_eq!(writer.admit(&[seed("http://a/")]).unwrap(), []);
    let visits = vec![
        page(1, "http://a/", "").links(&["http://a/", "http://a/1", "http://a/2"]),
        page(2, "http://a/x", "").links(&["http://a/2", "http://a/3", "http://a/x"]),
    ];
    let receipts = commit(&store, &mut writer, visits);
    let new = |n: usize| receipts[n].new_links.iter().map(|l| l.url.path()).collect::<Vec<_>>().join(" ");
    assert_eq!([new(0), new(1)], ["/1 /2", "/3"]);

    drop(writer);
    let mut writer = store.writer().unwrap();
    let again = vec![page(3, "http://a/3", "").links(&["http://a/2", "http://a/x", "http://a/4"])];
    let receipts = commit(&store, &mut writer, again);
    assert_eq!(receipts[0].new_links[0].url, url("http://a/4"));
    assert_eq!((receipts[0].new_links.len(), receipts[0].seq, writer.known()), (1, 4, 6));
}

#[test]
fn pending_is_what_is_left_in_order_of_discovery() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://a/"), seed("http://b/"), seed("http://c/")]).unwrap();
    let visits = vec![
        failure(1, "http://b/", FailureKind::Connect),
        page(2, "http://a/", "").links(&["http://a/2", "http://a/1"]),
        page(3, "http://a/robots.txt", "").head(500, "HTTP/1.1 500 no\r\n\r\n"),
        failure(4, "http://c/", FailureKind::Dns).attempt(3),
        failure(5, "http://a/1", FailureKind::Closed),
        page(6, "http://a/1", "").attempt(2),
        failure(7, "http://b/", FailureKind::Connect).attempt(2),
    ];
    commit(&store, &mut writer, visits);
    let want = [("http://b/", 2), ("http://a/2", 0), ("http://a/robots.txt", 1)];
    assert_eq!(pending_urls(&writer), want.map(|(u, n)| (u.to_owned(), n)));
    let two = &pending(&writer)[1];
    assert_eq!((two.link.depth, two.via.clone()), (1, Some(url("http://a/"))));

    let restored = writer.pending(is_final, |_| ()).unwrap();
    assert_eq!((restored.pages, restored.responses, restored.pending, restored.known), (2, 3, 3, 6));
    assert_eq!(restored.failures.values().sum::<u64>(), 4);
    assert_eq!(restored.failures[&FailureKind::Connect], 2);
}

#[test]
fn a_payload_is_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    // Bytes that do not compress: the archive would show them.
    let noise: Vec<u8> = (0u32..20_000).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let first = vec![page(1, "http://a/1", noise.clone()), page(2, "http://a/2", noise.clone())];
    commit(&store, &mut writer, first);
    let before = archive_bytes(dir.path());
    drop(writer);
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![page(3, "http://a/3", noise.clone()), page(4, "http://a/4", "short")]);
    commit(&store, &mut writer, vec![page(5, "http://a/5", "short")]);
    assert!(archive_bytes(dir.path()) < before + 5_000);

    let owners: Vec<_> = records(&store).iter().map(|r| r.payload_of).collect();
    assert_eq!(owners, [None, Some(1), Some(1), None, None]);
    for (record, body) in records(&store).iter().zip([&noise[..], &noise, &noise, b"short", b"short"]) {
        assert_eq!(store.payload(record).unwrap().body, body);
        assert!(
            store
                .payload(record)
                .unwrap()
                .request
                .starts_with(record.url.path().replace('/', "GET /").as_bytes())
        );
    }
    assert_eq!(store.facts().unwrap().revisits, 2);
}

#[test]
fn what_was_committed_is_not_committed_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let kept = page(1, "http://a/", "x").links(&["http://a/1", "http://a/2"]).seal(&store);
    let lost = page(2, "http://a/1", "y").links(&["http://a/2", "http://a/3"]).seal(&store);
    let receipts = writer.commit(std::slice::from_ref(&kept)).unwrap();
    drop(writer);

    let mut writer = store.writer().unwrap();
    let again = writer.recommit(&[lost.clone(), kept.clone(), lost.clone()]).unwrap();
    let show = |r: &dragline_model::Receipt| format!("{r:?}");
    assert_eq!(show(&again[1]), show(&receipts[0]));
    assert_eq!(show(&again[0]), show(&again[2]));
    assert_eq!((again[0].seq, again[0].new_links[0].url.path()), (2, "/3"));
    assert_eq!(records(&store).len(), 2);
    // A new visit of the same URL is another matter.
    let later = page(3, "http://a/", "x").seal(&store);
    assert_eq!(writer.recommit(&[later]).unwrap()[0].seq, 3);
    assert_eq!(store.history(&url("http://a/")).unwrap().len(), 2);
}

#[test]
fn a_panic_costs_nothing_that_was_committed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let theirs = store.clone();
    let died = std::thread::spawn(move || {
        let mut writer = theirs.writer().unwrap();
        commit(&theirs, &mut writer, vec![page(1, "http://a/", "x").links(&["http://a/1"])]);
        std::panic::resume_unwind(Box::new("the actor died"));
    })
    .join();
    assert!(died.is_err());
    let writer = store.writer().unwrap();
    assert_eq!(pending_urls(&writer), [("http://a/1".to_owned(), 0)]);
    assert!(writer.recovered().is_clean());
}

#[test]
fn a_store_may_have_many_segments() {
    let dir = tempfile::tempdir().unwrap();
    let small = dragline_storage::Options { segment_bytes: 3000, ..options() };
    let store = Store::create_or_open(dir.path(), small.clone()).unwrap();
    let mut writer = store.writer().unwrap();
    for n in 0..20 {
        let links = [format!("http://a/{}", n + 1)];
        let links: Vec<_> = links.iter().map(String::as_str).collect();
        // One in five is larger than a segment.
        let body: String =
            (0..if n % 5 == 0 { 9000 } else { 20u64 }).map(|i| format!("{:x}", i * i * n)).collect();
        commit(&store, &mut writer, vec![page(n, &format!("http://a/{n}"), body).links(&links)]);
    }
    assert!(segments(dir.path()).len() > 6);
    let before = answers(&store);
    drop((writer, store));
    assert!(Store::rebuild(dir.path(), small.clone()).unwrap().records == 20);
    assert_eq!(answers(&Store::open(dir.path(), small).unwrap()), before);
}

#[test]
fn reading_goes_on_while_a_writer_writes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let reader = store.clone();
    let (tell, told) = std::sync::mpsc::channel::<u64>();
    let reading = std::thread::spawn(move || {
        let mut seen = 0;
        for committed in told {
            let found: Vec<_> =
                reader.pages().order(Order::Url).records().unwrap().map(Result::unwrap).collect();
            assert!(found.len() as u64 >= committed);
            found.iter().for_each(|r| drop(reader.payload(r).unwrap()));
            seen = committed;
        }
        seen
    });
    for n in 1..=50 {
        commit(&store, &mut writer, vec![page(n, &format!("http://a/{}", n % 7), format!("body {n}"))]);
        tell.send(n).unwrap();
    }
    drop(tell);
    assert_eq!(reading.join().unwrap(), 50);
}
