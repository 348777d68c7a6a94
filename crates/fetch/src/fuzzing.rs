//! The parts of the wire that read what strangers send, without a socket: for fuzz targets alone
//! (`--cfg fuzzing`).

use dragline_model::Failure;

use crate::{
    Request,
    body::{Body, Stage},
    framing::Head,
    heads::Heads,
    request::{Company, head},
};

/// What came of a response.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// 200 to 999.
    pub status: u16,
    /// The head as received.
    pub head: Vec<u8>,
    /// As much of the body as there was.
    pub body: Vec<u8>,
    /// The body is known to be whole.
    pub is_whole: bool,
}

/// Reads a response from pieces of `step` bytes; `None` where its head does not end, an error's text where it is
/// malformed.
pub fn read_response(
    bytes: &[u8],
    step: usize,
    is_head: bool,
    limit: u64,
) -> Result<Option<Response>, String> {
    let mut heads = Heads::new(4096);
    let mut pieces = bytes.chunks(step.max(1));
    while let Some(piece) = pieces.next() {
        let Some(found) = heads.take_in(piece, is_head).map_err(|it| it.to_string())? else { continue };
        let Head::Final { status, framing, .. } = found.head else { return Err("an interim head".into()) };
        let mut body = Body::new(framing, limit);
        let behind = &piece[piece.len() - found.behind..];
        for piece in std::iter::once(behind).chain(pieces) {
            if body.stage() == Stage::More {
                body.feed(piece).map_err(|it| it.to_string())?;
            }
        }
        let is_whole = body.stage() == Stage::Whole;
        let (head, body) = (found.raw.to_vec(), body.into_bytes().to_vec());
        return Ok(Some(Response { status, head, body, is_whole }));
    }
    Ok(None)
}

/// The head a request goes out with.
pub fn head_of(request: &Request) -> Result<Vec<u8>, Failure> {
    let company = Company { user_agent: "dragline/fuzz", ..Company::default() };
    head(request, company).map(|head| head.bytes)
}
