//! Many questions of one kind at the same time, but never more than so many.
//!
//! Threads of their own, each taking the next item as soon as it is done with one: a slow item holds up nobody but
//! itself. It knows nothing of the host and judges nothing.

use std::sync::{Mutex, PoisonError};

/// Does the work for each item with at most `most` in flight; the results are in the order of the items.
pub(super) fn each<T: Send, R: Send>(items: Vec<T>, most: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = items.len().min(most.max(1));
    let waiting = Mutex::new(items.into_iter().enumerate());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    while let Some((index, item)) = next() {
                        done.push((index, work(item)));
                    }
                    done
                })
            })
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .flatten()
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_than_the_limit_are_in_flight_and_the_order_is_kept() {
        let (now, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let all = std::sync::Barrier::new(4);
        let results = each((0..40).collect(), 4, |number: usize| {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Forty items in groups of four: it never ends where fewer are in flight.
            all.wait();
            now.fetch_sub(1, Ordering::SeqCst);
            number * 2
        });
        assert_eq!(results, (0..40).map(|number| number * 2).collect::<Vec<_>>());
        assert_eq!(peak.load(Ordering::SeqCst), 4);
        assert_eq!(each(Vec::<u8>::new(), 4, |item| item), Vec::<u8>::new());
    }
}
