//! The names of what can be wrong, and which property of the model each one disproves. The only such table.

use serde::{Deserialize, Serialize};

/// A class of anomaly. Its name in JSON is that of [`ClassInfo::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// An input record that no visible output stands for.
    Lost,
    /// An input record that more than one visible output stands for.
    Duplicate,
    /// A visible output that no input demands, or that nobody can read.
    Phantom,
    /// Two inputs of one partition and key that became visible in the wrong order.
    Order,
    /// The counts of a key are not 1, 2, 3 … in the order of the output.
    Sequence,
    /// A digest that is not the fold of the inputs before it.
    WrongValue,
}

/// What is told about a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassInfo {
    /// The class.
    pub class: Class,
    /// Its name in JSON, in the report and on the command line.
    pub name: &'static str,
    /// The properties of the model that one such record disproves, by their names there.
    pub properties: &'static [&'static str],
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

/// Every class there is, in the order in which reports list them.
pub const CLASSES: [ClassInfo; 6] = [
    ClassInfo {
        class: Class::Lost,
        name: "lost",
        properties: &["no_loss"],
        meaning: "An input record never became visible in the output.",
    },
    ClassInfo {
        class: Class::Duplicate,
        name: "duplicate",
        properties: &["no_duplicate"],
        meaning: "An input record is visible in the output more than once.",
    },
    ClassInfo {
        class: Class::Phantom,
        name: "phantom",
        properties: &["no_phantom"],
        meaning: "A visible output record stands for no input record.",
    },
    ClassInfo {
        class: Class::Order,
        name: "order",
        properties: &["order_per_key"],
        meaning: "Records of one input partition and key are visible in another order than they were written.",
    },
    ClassInfo {
        class: Class::Sequence,
        name: "sequence",
        properties: &["consistent_cut"],
        meaning: "The counts of a key do not run 1, 2, 3 … without gap or repeat.",
    },
    ClassInfo {
        class: Class::WrongValue,
        name: "wrong_value",
        properties: &["consistent_cut"],
        meaning: "A digest is not the fold of the input records before it: the state was wrong.",
    },
];

impl Class {
    /// What is told about this class.
    ///
    /// # Panics
    /// Never: a test walks all classes.
    #[must_use]
    pub fn info(self) -> &'static ClassInfo {
        CLASSES.iter().find(|info| info.class == self).expect("every class has its row")
    }

    /// Its name in JSON and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.info().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_the_table_is_the_name_in_json() {
        for info in &CLASSES {
            assert_eq!(serde_json::to_string(&info.class).unwrap(), format!("\"{}\"", info.name));
            assert_eq!(info.class.info(), info);
            assert!(!info.properties.is_empty());
        }
    }
}
