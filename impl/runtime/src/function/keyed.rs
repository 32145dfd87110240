//! A value of state for each key: kept in memory, captured by what changed.
//!
//! Values lie in a list, in the order in which their keys came; a table finds a key's place in it. Which of them may have changed since
//! the last capture is noted as a list of places, each once. So a record costs one look-up and allocates nothing, unless its key is
//! new, and a capture costs what it captures.

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::{Capture, Changes, Function, FunctionError, KeyedFunction, Part};
use crate::batch::{RecordBatch, RecordRef};

/// Makes a [`Function`] of a [`KeyedFunction`].
#[derive(Debug)]
pub struct Keyed<F: KeyedFunction> {
    function: F,
    /// Nothing is ever taken out, so that places stay.
    values: IndexMap<Box<[u8]>, Kept<F::Value>, FixedState>,
    /// Places of what may have changed since the last capture. Invariant: exactly those that are marked so.
    changed: Vec<usize>,
}

#[derive(Debug, Default)]
struct Kept<V> {
    value: V,
    is_changed: bool,
}

impl<F: KeyedFunction> Keyed<F> {
    /// No key has a value yet.
    pub fn new(function: F) -> Self {
        Self { function, values: IndexMap::default(), changed: Vec::new() }
    }
}

impl<F: KeyedFunction> Function for Keyed<F> {
    fn process(&mut self, record: RecordRef<'_>, out: &mut RecordBatch) -> Result<(), FunctionError> {
        let key = record.key.unwrap_or_default();
        let place = match self.values.get_index_of(key) {
            Some(place) => place,
            None => self.values.insert_full(key.into(), Kept::default()).0,
        };
        let kept = &mut self.values[place];
        if !std::mem::replace(&mut kept.is_changed, true) {
            self.changed.push(place);
        }
        self.function.process(record, &mut kept.value, out)
    }

    fn snapshot(&mut self) -> Capture {
        let mut changes = Changes::default();
        for place in self.changed.drain(..) {
            let (key, kept) = self.values.get_index_mut(place).expect("nothing is taken out");
            kept.is_changed = false;
            changes.put(key, |out| F::encode(&kept.value, out));
        }
        Capture::Changes(changes)
    }

    fn restore(&mut self, part: Part) -> Result<(), FunctionError> {
        let entries = part.entries()?;
        self.values.reserve(entries.of_all_parts().saturating_sub(self.values.len()));
        for (key, value) in entries.iter() {
            let value = F::decode(value)
                .map_err(|error| format!("the value of key {}: {error}", key.escape_ascii()))?;
            self.values.insert(key.into(), Kept { value, is_changed: false });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Count;

    fn count(function: &mut impl Function, keys: &[&str]) -> Vec<String> {
        let mut out = RecordBatch::default();
        for key in keys {
            let (key, value) = (Some(key.as_bytes()), Some(&b"v"[..]));
            function
                .process(RecordRef { key, value, timestamp_ms: 0, partition: 3, offset: 0 }, &mut out)
                .unwrap();
        }
        out.iter().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
    }

    /// The keys that a capture holds, in order.
    fn captured(function: &mut impl Function) -> Vec<String> {
        let entries = function.snapshot().into_part().entries().unwrap();
        entries.iter().map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()).collect()
    }

    #[test]
    fn state_restored_goes_on_where_it_was_captured() {
        let mut before = Keyed::new(Count::default());
        assert_eq!(count(&mut before, &["a", "b", "a"]), ["1", "1", "2"]);
        let mut after = Keyed::new(Count::default());
        after.restore(before.snapshot().into_part()).unwrap();
        assert_eq!(count(&mut after, &["a", "b", "c"]), ["3", "2", "1"]);
    }

    #[test]
    fn a_capture_holds_what_changed_since_the_last_one_and_each_key_once() {
        let mut function = Keyed::new(Count::default());
        count(&mut function, &["a", "b", "a", "c"]);
        assert_eq!(captured(&mut function), ["a", "b", "c"]);
        assert!(captured(&mut function).is_empty(), "nothing came since");
        count(&mut function, &["b", "d", "b"]);
        assert_eq!(captured(&mut function), ["b", "d"]);
    }

    #[test]
    fn what_was_restored_has_not_changed() {
        let mut before = Keyed::new(Count::default());
        count(&mut before, &["a", "b"]);
        let mut after = Keyed::new(Count::default());
        after.restore(before.snapshot().into_part()).unwrap();
        assert!(captured(&mut after).is_empty());
        count(&mut after, &["b"]);
        assert_eq!(captured(&mut after), ["b"]);
    }

    #[test]
    fn parts_are_taken_back_the_oldest_first() {
        let mut before = Keyed::new(Count::default());
        let mut after = Keyed::new(Count::default());
        for keys in [&["a", "b"][..], &["b", "c"], &["c"]] {
            count(&mut before, keys);
            after.restore(before.snapshot().into_part()).unwrap();
        }
        assert_eq!(count(&mut after, &["a", "b", "c"]), ["2", "3", "3"]);
    }

    #[test]
    fn a_state_of_something_else_is_refused() {
        let mut function = Keyed::new(Count::default());
        let error = function.restore(Part::Whole(vec![1].into())).unwrap_err().to_string();
        assert_eq!(error, "it was captured as a whole, and this function captures changes");
        let mut changes = Changes::default();
        changes.put(b"key\n", |out| out.push(1));
        let error = function.restore(Capture::Changes(changes).into_part()).unwrap_err().to_string();
        assert!(error.starts_with(r"the value of key key\n: "), "{error}");
    }
}
