//! The functions that a program knows by name: the built-in ones, and those that a user's own program adds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::failure::ProcessError;
use crate::function::{
    BidStatistics, Count, CountBinary, CountWithLineage, Currency, Function, Keyed, PassThrough,
};

/// Makes an instance of a function.
pub type MakeFunction = Arc<dyn Fn() -> Box<dyn Function> + Send + Sync>;

/// Functions by name.
#[derive(Clone)]
pub struct Functions(BTreeMap<String, MakeFunction>);

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Default for Functions {
    fn default() -> Self {
        Self(BTreeMap::new())
            .with("pass-through", || Box::new(PassThrough))
            .with("keyed-count", || Box::new(Keyed::new(Count::default())))
            .with("keyed-count-lineage", || Box::new(Keyed::new(CountWithLineage::default())))
            .with("keyed-count-binary", || Box::new(Keyed::new(CountBinary)))
            .with("nexmark-currency", || Box::new(Currency::default()))
            .with("nexmark-bids", || Box::new(Keyed::new(BidStatistics::default())))
    }
}

impl Functions {
    /// These and one more.
    #[must_use]
    pub fn with(mut self, name: &str, make: impl Fn() -> Box<dyn Function> + Send + Sync + 'static) -> Self {
        self.0.insert(name.into(), Arc::new(make));
        self
    }

    /// The function of this name.
    ///
    /// # Errors
    /// There is none; the error lists those that there are.
    pub fn named(&self, name: &str) -> Result<MakeFunction, ProcessError> {
        self.0.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let detail = format!(
                "`operator.function` is `{name}`, which this program does not have; it has {}",
                known.join(", ")
            );
            ProcessError::BadData { detail }
        })
    }
}
