//! What is drawn: rows with the numbers of their steps, in the lanes that they need. How it looks is for `svg.rs` and `mermaid.rs`.

use truecut_model::{Broken, Counterexample, Event, Lane, Place, Step};

use super::world::World;

/// A sequence chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it is called.
    pub title: String,
    /// Where it happens.
    pub subtitle: String,
    /// Lanes, from left to right.
    pub lanes: Vec<Lane>,
    /// Who is there at the beginning.
    pub begins: Vec<Lane>,
    /// Rows, from top to bottom.
    pub rows: Vec<Row>,
    /// What it comes to, and what that means; none if it comes to nothing.
    pub end: Option<(String, String)>,
}

/// A row of a chart.
#[derive(Clone, Debug)]
pub struct Row {
    /// Number of the step, in its first row.
    pub number: Option<usize>,
    /// What is drawn.
    pub event: Event,
    /// The step in sentences.
    pub sentence: String,
    /// Who is there afterwards.
    pub alive: Vec<Lane>,
}

impl Chart {
    /// The chart of a counterexample.
    pub fn of(world: &World, found: &Counterexample) -> Self {
        let steps = found.steps.len();
        let who = world.mutant.as_deref().unwrap_or("the protocol");
        let (title, end) = match &found.breaks {
            Broken::Property(name) => {
                let mut properties = truecut_model::properties().iter();
                let meaning = properties.find(|property| property.name == *name);
                let meaning = meaning.map_or_else(String::new, |property| property.meaning.to_owned());
                (format!("{who} violates {name}"), (format!("{name} is violated"), meaning))
            }
            Broken::Assertion(said) => {
                let failed = "a role's own assertion fails".to_owned();
                (format!("{who}: {failed}"), (failed, said.clone()))
            }
        };
        let scope = world.scope().map_or_else(|_| world.scope.clone(), |scope| scope.name.into_owned());
        let subtitle = format!("scope {scope}, {steps} steps");
        Self::new(title, subtitle, &found.begins, &found.steps, Some(end))
    }

    /// The chart of any history.
    pub fn new(
        title: String,
        subtitle: String,
        begins: &[Lane],
        steps: &[Step],
        end: Option<(String, String)>,
    ) -> Self {
        let rows = (1..).zip(steps).flat_map(|(number, step)| {
            step.events.iter().enumerate().map(move |(place, event)| Row {
                number: (place == 0).then_some(number),
                event: event.clone(),
                sentence: step.sentence.clone(),
                alive: step.alive.clone(),
            })
        });
        let rows: Vec<Row> = rows.collect();
        let mut lanes: Vec<Lane> = rows.iter().flat_map(|row| of_event(&row.event)).collect();
        lanes.push(Lane::Coordinator);
        lanes.sort();
        lanes.dedup();
        Self { title, subtitle, lanes, begins: begins.to_vec(), rows, end }
    }

    /// The place of a lane, from the left.
    pub fn place(&self, lane: Lane) -> usize {
        self.lanes.iter().position(|known| *known == lane).unwrap_or(0)
    }

    /// The places of the lanes that an event lies in.
    pub fn places(&self, event: &Event) -> Vec<usize> {
        let lanes = of_event(event);
        if lanes.is_empty() {
            return (0..self.lanes.len()).collect();
        }
        lanes.into_iter().map(|lane| self.place(lane)).collect()
    }
}

fn of_event(event: &Event) -> Vec<Lane> {
    match &event.place {
        Place::Between(from, to) => vec![*from, *to],
        Place::In(lanes) => lanes.clone(),
    }
}
