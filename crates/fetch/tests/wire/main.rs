//! The wire through its front door: a client, and servers that do what they like.

mod support;

mod answers;
mod connections;
mod corpora;
mod guard;
mod limits;
mod tls;
