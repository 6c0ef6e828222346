//! A sign of life while something is waited for: on stderr, only on a terminal, only when it takes long.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is done sooner needs no sign.
const PATIENCE: Duration = Duration::from_millis(500);

/// The time between two pictures of the spinner.
const TICK: Duration = Duration::from_millis(100);

/// Shows a spinner as long as it lives, and leaves nothing behind.
pub struct Progress {
    running: Option<(Sender<String>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins to wait; `shown` false: nothing is ever shown.
    pub(super) fn start(shown: bool, unicode: bool, text: &str) -> Self {
        if !shown {
            return Self { running: None };
        }
        let (sender, receiver) = mpsc::channel::<String>();
        let mut text = text.to_owned();
        let spin = move || {
            let mut bar: Option<ProgressBar> = None;
            loop {
                let patience = if bar.is_some() { TICK } else { PATIENCE };
                match receiver.recv_timeout(patience) {
                    Ok(new) => {
                        text = new;
                        if let Some(bar) = &bar {
                            bar.set_message(text.clone());
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        bar.get_or_insert_with(|| spinner(unicode, &text)).tick();
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        };
        // Without a thread there is no sign of life, and nothing else is lost.
        let thread = std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(spin)
            .ok();
        Self {
            running: thread.map(|thread| (sender, thread)),
        }
    }

    /// Says what is waited for now.
    pub fn say(&self, text: &str) {
        if let Some((sender, _)) = &self.running {
            // The thread ends only when this value does.
            let _ = sender.send(crate::report::sanitize::escaped(text).into_owned());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.running.take() {
            drop(sender);
            // A spinner that panicked is gone, which is all that is wanted here.
            let _ = thread.join();
        }
    }
}

fn spinner(unicode: bool, text: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let pictures = if unicode {
        "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "
    } else {
        "|/-\\ "
    };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style.tick_chars(pictures));
    }
    bar.set_message(text.to_owned());
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_needs_no_thread() {
        let progress = Progress::start(false, true, "nothing");
        progress.say("still nothing");
        assert!(progress.running.is_none());
    }

    #[test]
    fn what_is_done_soon_ends_at_once() {
        let progress = Progress::start(true, true, "soon done");
        progress.say("done");
        drop(progress);
    }
}
