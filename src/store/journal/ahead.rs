//! Makes the next segment and the next slots while the writer works, so that no commit waits for
//! either.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::segment;
use crate::store::StoreFault;
use crate::store::slots::Slots;

enum Work {
    Segment { number: u64, bytes: u64 },
    Slots,
    Reserve { path: PathBuf, bytes: u64 },
}

/// The helper thread. It ends when this is dropped, after what it is at.
pub(in crate::store) struct Ahead {
    dir: PathBuf,
    work: Option<Sender<Work>>,
    segments: Receiver<Result<(), StoreFault>>,
    asked_segment: Option<u64>,
    asked_slots: u64,
    slots: Arc<Slots>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    pub(in crate::store) fn start(dir: PathBuf, slots: Arc<Slots>) -> Result<Self, StoreFault> {
        let (work, todo) = channel();
        let (done, segments) = channel();
        let (worker_dir, worker_slots) = (dir.clone(), slots.clone());
        let body = move || {
            for item in todo {
                match item {
                    Work::Segment { number, bytes } => {
                        let made = segment::prepare(&worker_dir, number, bytes);
                        if done.send(made.map(drop)).is_err() {
                            return;
                        }
                    }
                    Work::Reserve { path, bytes } => {
                        if let Err(fault) = segment::keep_reserve(&path, bytes) {
                            tracing::warn!(%fault, "no disk is kept in reserve");
                        }
                    }
                    // The writer makes them itself when it needs them and they are not there, and
                    // stops the store if that fails too.
                    Work::Slots => {
                        if let Err(fault) = worker_slots.grow() {
                            tracing::warn!(%fault, "cannot make slots ahead");
                        }
                    }
                }
            }
        };
        let spawned = std::thread::Builder::new().name("store-ahead".into()).spawn(body);
        let thread = Some(spawned.map_err(StoreFault::io("start a thread for", &dir))?);
        let work = Some(work);
        Ok(Self { dir, work, segments, asked_segment: None, asked_slots: 0, slots, thread })
    }

    /// Has a segment made.
    pub(in crate::store) fn ask_segment(&mut self, number: u64, bytes: u64) {
        self.send(Work::Segment { number, bytes });
        self.asked_segment = Some(number);
    }

    /// The segment, at least `bytes` long: the one asked for, or one made here and now.
    pub(in crate::store) fn take_segment(
        &mut self,
        number: u64,
        bytes: u64,
    ) -> Result<File, StoreFault> {
        if self.asked_segment.take() == Some(number)
            && let Ok(Err(fault)) = self.segments.recv()
        {
            // Perhaps the disk was full then and is not now.
            tracing::warn!(%fault, segment = number, "a segment could not be made ahead");
        }
        segment::prepare(&self.dir, number, bytes)
    }

    /// Has disk kept free.
    pub(in crate::store) fn ask_reserve(&mut self, path: PathBuf, bytes: u64) {
        self.send(Work::Reserve { path, bytes });
    }

    /// Has slots made, once for each time that they ran low.
    pub(in crate::store) fn ask_slots(&mut self) {
        let there = self.slots.made();
        if self.asked_slots <= there {
            self.asked_slots = there + 1;
            self.send(Work::Slots);
        }
    }

    fn send(&self, item: Work) {
        if let Some(work) = &self.work
            && work.send(item).is_err()
        {
            tracing::error!("the thread that works ahead has ended; commits will wait");
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        drop(self.work.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that works ahead panicked");
        }
    }
}
