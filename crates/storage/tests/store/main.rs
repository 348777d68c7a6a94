//! A store through its front door: what is committed is there, whatever happens in between.

mod world;

mod commit;
mod crash;
mod fixture;
mod query;
mod refuse;
mod warc;
