//! The protocol core in a modelled world, checked exhaustively.
//!
//! The steps of the model are the core's own: its roles run here as they run in the runtime. Around them stand a modelled
//! Kafka, network, store and processes that fail as a scope says. What must hold is said by properties that judge the
//! world and share no code with the roles. `README.md` says what is modelled, what is left out and why that is sound.
//!
//! ```
//! let scope = truecut_model::scope("small").expect("it is in the list");
//! let options = truecut_model::Options { threads: 2, time_limit: None, mutant: None, progress: &mut |_| {} };
//! assert!(truecut_model::check(scope, options).properties.iter().all(|property| property.counterexample.is_none()));
//! ```
#![forbid(unsafe_code)]

mod action;
mod assumption;
mod broker;
mod budget;
mod cell;
mod chart;
mod counterexample;
mod dice;
mod draw;
mod enabled;
mod engine;
mod footprint;
mod kind;
mod late;
mod launch;
mod ledger;
mod lineage;
mod matrix;
mod model;
mod moment;
mod perform;
mod property;
mod quiet;
mod replay;
mod report;
mod scope;
mod search;
mod shape;
mod small_faults;
mod state;
mod step;
mod store_fault;
mod summary;
mod tell;
mod walk;
mod world;
mod zombie;

pub use action::Action;
pub use assumption::{Assumption, Budget};
pub use chart::{Event, Lane, Look, Place};
pub use counterexample::{Broken, Counterexample, Step};
pub use kind::KINDS;
pub use late::{KafkaStep, Late};
pub use lineage::{Lineage, Record};
pub use matrix::{MatrixCell, Row, Safety, Strategy, check_cell, rows, strategies};
pub use model::JobModel;
pub use moment::{MachineMoment, Moment, Pending};
pub use property::{Property, properties};
pub use replay::{Misfit, Replayed, Written, replay};
pub use report::{
    CheckReport, MutantReport, Options, PropertyReport, Sought, Verdict, check, check_model, check_mutant,
    check_mutants, check_whole, scope_of, seek,
};
pub use scope::{Scope, deep_scope, deep_scopes, scope, scopes};
pub use search::{Cost, Progress};
pub use shape::{Shapes, StepShape};
pub use state::State;
pub use walk::{Steered, WalkOptions, WalkReport, Walked, steer, walk};
pub use world::conformance::{Answer, Generation, KafkaRequest, Observed, run_modelled};
pub use world::ending::Told;
pub use world::one_id::OneId;
pub use world::sequences::kafka_sequences;
