//! What is said of a mutant, and the macro that makes the list of them (`list.rs`) a type.

use truecut_core::AnyRole;

/// A role: where a mutant sits, and whose a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The coordinator.
    Coordinator,
    /// Workers.
    Worker,
    /// Source subtasks.
    Source,
    /// Operator subtasks.
    Operator,
    /// Sink subtasks.
    Sink,
}

impl Place {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Coordinator, Self::Worker, Self::Source, Self::Operator, Self::Sink];

    /// Which role it is.
    pub fn of<S>(role: &AnyRole<S>) -> Self {
        match role {
            AnyRole::Coordinator(_) => Self::Coordinator,
            AnyRole::Worker(_) => Self::Worker,
            AnyRole::Source(_) => Self::Source,
            AnyRole::Operator(_) => Self::Operator,
            AnyRole::Sink(_) => Self::Sink,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Worker => "worker",
            Self::Source => "source",
            Self::Operator => "operator",
            Self::Sink => "sink",
        }
    }
}

/// What must become of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The property of this name finds it in the scope of that name.
    Killed {
        /// The property.
        property: &'static str,
        /// The scope.
        scope: &'static str,
        /// In the whole scope it violates nothing else.
        alone: bool,
    },
    /// Nothing that a property looks at tells it from the protocol.
    Equivalent {
        /// Why.
        argument: &'static str,
        /// A scope in which it does what it does, and every property holds.
        scope: &'static str,
    },
}

/// What is said of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MutantInfo {
    /// Its name, such as `skip_alignment`.
    pub name: &'static str,
    /// What it does wrong, in one sentence.
    pub meaning: &'static str,
    /// Public ids of real bugs of this kind, if there were any.
    pub bugs: &'static [&'static str],
    /// The roles that it sits at.
    pub places: &'static [Place],
    /// What must become of it.
    pub expected: Expected,
}

impl MutantInfo {
    /// Name of the scope in which it is judged.
    pub const fn scope(&self) -> &'static str {
        match self.expected {
            Expected::Killed { scope, .. } | Expected::Equivalent { scope, .. } => scope,
        }
    }
}

/// Declares the mutants, and the type that holds any of them with what it remembers.
macro_rules! mutants {
    (@is_alone alone) => { true };
    (@is_alone first) => { false };
    (
        killed {
            $($killed:ident $name:ident at [$($at:ident),*] by $property:ident $how:ident in $scope:ident, bugs $bugs:tt:
                $meaning:literal;)*
        }
        equivalent {
            $($same:ident $same_name:ident at [$($same_at:ident),*] in $same_scope:ident:
                $same_meaning:literal because $argument:literal;)*
        }
    ) => {
        /// A named wrong protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant {
            $(#[doc = $meaning] $killed,)*
            $(#[doc = $same_meaning] $same,)*
        }

        impl Mutant {
            const KILLED: &[Self] = &[$(Self::$killed,)*];
            const EQUIVALENT: &[Self] = &[$(Self::$same,)*];

            /// What is said of it.
            pub const fn info(self) -> MutantInfo {
                match self {
                    $(Self::$killed => MutantInfo {
                        name: stringify!($name),
                        meaning: $meaning,
                        bugs: &$bugs,
                        places: &[$(Place::$at),*],
                        expected: Expected::Killed {
                            property: stringify!($property),
                            scope: stringify!($scope),
                            alone: mutants!(@is_alone $how),
                        },
                    },)*
                    $(Self::$same => MutantInfo {
                        name: stringify!($same_name),
                        meaning: $same_meaning,
                        bugs: &[],
                        places: &[$(Place::$same_at),*],
                        expected: Expected::Equivalent { argument: $argument, scope: stringify!($same_scope) },
                    },)*
                }
            }
        }

        /// A mutant with what it remembers.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Mutation {
            $($killed(crate::$name::$killed),)*
            $($same(crate::$same_name::$same),)*
        }

        impl Mutation {
            pub(crate) fn new(mutant: Mutant) -> Self {
                match mutant {
                    $(Mutant::$killed => Self::$killed(crate::$name::$killed::default()),)*
                    $(Mutant::$same => Self::$same(crate::$same_name::$same::default()),)*
                }
            }
        }

        impl Interpose for Mutation {
            fn step<B: Batch + Clone, S: Clone>(
                &mut self,
                role: &mut Within<'_, B, S>,
                input: Input<B, S>,
            ) -> Vec<Effect<B, S>> {
                match self {
                    $(Self::$killed(mutation) => mutation.step(role, input),)*
                    $(Self::$same(mutation) => mutation.step(role, input),)*
                }
            }
        }
    };
}

pub(crate) use mutants;
