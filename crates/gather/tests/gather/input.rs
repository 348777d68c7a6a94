//! Patterns and lists, all the way to the server.

use dragline_gather::Input;

use crate::support::{Server, gather, json, told};

#[test]
fn patterns_and_lists() {
    let server = Server::new(|_| json("1"));
    let list = format!("# list\n{}\n\nnonsense\n{}\n", server.url("/list/{x,y}"), server.url("/last"));
    let input = Input::new([server.url("/[08-10]")]).lines("list", std::io::Cursor::new(list));
    let answers: Vec<_> = gather(input).in_order(true).per_host(1).start().unwrap().collect();
    assert_eq!(server.asked(), ["GET /08", "GET /09", "GET /10", "GET /list/x", "GET /list/y", "GET /last"]);
    assert_eq!(
        told(&answers[5]),
        "refused: list, line 4: \"nonsense\" is no URL: http:// or https:// is missing"
    );
    assert_eq!((answers[5].url.as_str(), answers[6].n), ("nonsense", 7));
}
