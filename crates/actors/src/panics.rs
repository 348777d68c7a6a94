//! The text of a panic, for whoever has to explain a death.
//!
//! Owns the process's panic hook: on a thread of the ring a panic is noted for its supervisor instead of
//! being printed; on any other thread the hook that was there before runs.

use std::{
    cell::{Cell, RefCell},
    panic::{self, PanicHookInfo},
    sync::Once,
};

thread_local! {
    static SUPERVISED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Marks the current thread as one whose panics are reported by a supervisor.
pub(crate) fn supervise_thread() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if SUPERVISED.get() {
                LAST.with(|last| *last.borrow_mut() = Some(text(info)));
            } else {
                before(info);
            }
        }));
    });
    SUPERVISED.set(true);
}

/// Takes the text of the current thread's last panic: `message at file:line`.
pub(crate) fn take_last() -> Option<String> {
    LAST.with(|last| last.borrow_mut().take())
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text");
    match info.location() {
        Some(at) => format!("{message} at {}:{}", at.file(), at.line()),
        None => message.to_owned(),
    }
}
