//! A pass over stored pages, with the work on each done on several threads.
//!
//! Owns those threads, and the order: what came of a record is handed out in the order of the query. Between the two
//! there are never more than some dozens of records for each thread.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError, mpsc},
};

use crate::{
    cli::Trouble,
    storage::{Payload, Query, Record, Store, StoreError},
};

/// Records on their way, for each thread.
const AHEAD: usize = 32;
/// Threads at most: past it the one that hands out is what all wait for.
const THREADS_MAX: usize = 16;

/// A record's payload, or why it is not to be had.
pub(super) type Found = Result<Payload, String>;

/// Reads every record of a query that was answered, with its payload. `worker` makes, on each thread, what works on a
/// record; `each` gets what came of it, in order.
pub(super) fn scan<T: Send, W: FnMut(&Record, Found) -> T>(
    store: &Store,
    query: Query,
    worker: impl Fn() -> W + Sync,
    mut each: impl FnMut(Record, T) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let (jobs, todo) = mpsc::sync_channel::<(u64, Record)>(threads * AHEAD);
    let (results, done) = mpsc::channel::<Result<(u64, Record, T), StoreError>>();
    let todo = Mutex::new(todo);
    std::thread::scope(|scope| {
        // Goes with this closure, and the threads with it.
        let jobs = jobs;
        for _ in 0..threads {
            let (todo, worker, results) = (&todo, &worker, results.clone());
            scope.spawn(move || {
                let mut work = worker();
                loop {
                    let next = todo.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((nth, record)) = next else { return };
                    let result = payload(store, &record).map(|payload| {
                        let came = work(&record, payload);
                        (nth, record, came)
                    });
                    if results.send(result).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        let mut records = query.records()?;
        let (mut sent, mut told, mut waiting) = (0, 0, BTreeMap::new());
        let mut is_over = false;
        loop {
            while !is_over && sent - told < (threads * AHEAD) as u64 {
                match records.next().transpose()? {
                    None => is_over = true,
                    Some(record) if record.status.is_none() => {}
                    Some(record) => {
                        // A thread that is gone has panicked, and the panic goes on from here.
                        let _ = jobs.send((sent, record));
                        sent += 1;
                    }
                }
            }
            if told == sent {
                return Ok(());
            }
            let Ok(result) = done.recv() else { return Err(Trouble::Ours("a thread has panicked".into())) };
            let (nth, record, came) = result?;
            waiting.insert(nth, (record, came));
            while let Some((record, came)) = waiting.remove(&told) {
                told += 1;
                each(record, came)?;
            }
        }
    })
}

fn payload(store: &Store, record: &Record) -> Result<Found, StoreError> {
    match store.payload(record) {
        Ok(payload) => Ok(Ok(payload)),
        Err(error @ (StoreError::Corrupt { .. } | StoreError::PayloadGone { .. })) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}
