//! What a long-running process owes to its operator: signals.
//!
//! Owns SIGINT, SIGTERM and SIGHUP (the terminal has gone). Never decides what they mean: the command says that.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Calls `act` at each SIGINT, SIGTERM or SIGHUP, with 1 for the first, on a thread of its own.
pub(crate) fn on_interrupt(mut act: impl FnMut(u32) + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate, mut hang_up) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?)
    };
    let listen = async move {
        for nth in 1.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            act(nth);
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(listen)).map(drop)
}

/// Ends the process without draining. Nothing is lost by it: what was committed is on disk, the rest is
/// fetched again.
#[allow(clippy::disallowed_methods, reason = "the second Ctrl-C means just this")]
pub(crate) fn stop_at_once(code: u8) -> ! {
    std::process::exit(code.into())
}
