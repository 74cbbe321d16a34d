//! How many connections there may be, in all and of one process, so that nobody takes all of them.

use std::{collections::HashMap, sync::Arc};

use ebb_core::{Code, Error};
use parking_lot::Mutex;

use crate::transport::proc::ProcessKey;

/// Connections at once.
pub(super) const ALL: usize = 1_024;
/// Connections of one process; all that cannot be seen count as one.
pub(super) const ONE: usize = 512;

/// Why a connection gets no place.
#[derive(Debug, Clone)]
pub(super) struct TooMany(pub(super) Error);

/// Places of connections. Copies are the same ones.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    all: usize,
    of: HashMap<Option<ProcessKey>, usize>,
}

/// A place among all, until it is dropped.
pub(super) struct Place {
    places: Places,
    owner: Owner,
}

/// Whose place it is.
#[derive(Clone, Copy)]
enum Owner {
    Unknown,
    /// This process's; none: it cannot be seen.
    Process(Option<ProcessKey>),
}

impl Places {
    /// A place for a connection of nobody in particular yet.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn take(&self) -> Result<Place, TooMany> {
        let mut taken = self.0.lock();
        if taken.all >= ALL {
            let message = format!("Too many HTTP connections ({ALL})");
            return Err(TooMany(
                Error::new(Code::LimitReached, message).next("Close connections that nobody uses, then try again."),
            ));
        }
        taken.all += 1;
        Ok(Place { places: self.clone(), owner: Owner::Unknown })
    }
}

impl Place {
    /// It is this process's connection; none where it cannot be seen.
    ///
    /// # Errors
    /// It has too many.
    pub(super) fn belongs_to(&mut self, process: Option<ProcessKey>) -> Result<(), TooMany> {
        let mut taken = self.places.0.lock();
        let count = taken.of.entry(process).or_default();
        if *count >= ONE {
            let message = format!("Too many HTTP connections of one process ({ONE})");
            return Err(TooMany(
                Error::new(Code::LimitReached, message).next("Close connections that nobody uses, then try again."),
            ));
        }
        *count += 1;
        self.owner = Owner::Process(process);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock();
        taken.all = taken.all.saturating_sub(1);
        let Owner::Process(process) = self.owner else { return };
        if let Some(count) = taken.of.get_mut(&process) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.of.remove(&process);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_cannot_take_all_and_all_have_an_end() {
        let places = Places::default();
        let own = |pid| Some(ProcessKey { pid, start_time: 1 });
        let mut held = Vec::new();
        let mut take = |process| {
            let mut place = places.take()?;
            place.belongs_to(process)?;
            held.push(place);
            Ok::<_, TooMany>(held.len())
        };
        for _ in 0..ONE {
            take(own(1)).unwrap();
        }
        assert!(take(own(1)).unwrap_err().0.message.contains("one process (512)"));
        for _ in ONE..ALL {
            take(None).unwrap();
        }
        assert!(take(own(2)).unwrap_err().0.message.contains("(1024)"));
        held.clear();
        let taken = places.0.lock();
        assert_eq!((taken.all, taken.of.len()), (0, 0));
    }
}
