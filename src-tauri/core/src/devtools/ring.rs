//! A queue with a bound, numbers that never shift, and a byte count.

use std::collections::VecDeque;

/// Something that knows what it holds besides itself.
pub(super) trait Weighed {
    /// Bytes of what it points to.
    fn heap_bytes(&self) -> usize;
}

/// An item, when it came (by a number common to all rings of a session) and what it costs.
#[derive(Debug)]
struct Slot<T> {
    age: u64,
    bytes: u64,
    item: T,
}

/// Items numbered from 1 on; the oldest go first and their numbers are not given again.
#[derive(Debug)]
pub(super) struct Ring<T> {
    slots: VecDeque<Slot<T>>,
    /// The number of the oldest item kept.
    first: u64,
    bytes: u64,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { slots: VecDeque::new(), first: 1, bytes: 0 }
    }
}

impl<T: Weighed> Ring<T> {
    fn cost(item: &T) -> u64 {
        (size_of::<Slot<T>>() + item.heap_bytes()) as u64
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of all items: the slot of each, and what it points to.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The number that the next item gets.
    pub(super) fn next_number(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// The number of the oldest item kept, or that the next one gets.
    pub(super) const fn first_number(&self) -> u64 {
        self.first
    }

    /// When the oldest item came.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.slots.front().map(|slot| slot.age)
    }

    /// Adds an item and gives its number.
    pub(super) fn push(&mut self, age: u64, item: T) -> u64 {
        let bytes = Self::cost(&item);
        let number = self.next_number();
        self.bytes += bytes;
        self.slots.push_back(Slot { age, bytes, item });
        number
    }

    /// Takes the oldest item out.
    pub(super) fn pop(&mut self) -> Option<T> {
        let slot = self.slots.pop_front()?;
        self.first += 1;
        self.bytes -= slot.bytes;
        Some(slot.item)
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.slots.get(at).map(|slot| &slot.item)
    }

    /// Changes an item and counts its bytes anew.
    pub(super) fn change(&mut self, number: u64, change: impl FnOnce(&mut T)) {
        let Some(at) = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok()) else {
            return;
        };
        if let Some(slot) = self.slots.get_mut(at) {
            change(&mut slot.item);
            self.bytes -= slot.bytes;
            slot.bytes = Self::cost(&slot.item);
            self.bytes += slot.bytes;
        }
    }

    /// The items with their numbers, from `number` on.
    pub(super) fn from(&self, number: u64) -> impl Iterator<Item = (u64, &T)> {
        let skip = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let first = self.first;
        self.slots.iter().enumerate().skip(skip).map(move |(at, slot)| (first + at as u64, &slot.item))
    }

    /// Drops what is older than `number`, and numbers the rest from 1 on.
    pub(super) fn restart(&mut self, number: u64) {
        while self.first < number && self.pop().is_some() {}
        self.first = 1;
    }
}

#[cfg(test)]
impl<T: Weighed> Ring<T> {
    pub(super) fn recount(&self) -> u64 {
        self.slots.iter().map(|slot| Self::cost(&slot.item)).sum()
    }
}
