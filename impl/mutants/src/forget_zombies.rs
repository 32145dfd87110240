//! A worker that fell silent counts as dead: that it may open transactions later on is not thought of.

use truecut_core::{Batch, Effect, Input, Timer};

use crate::interpose::{Interpose, Within, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ForgetZombies;

impl Interpose for ForgetZombies {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        match input {
            Input::Fired(Timer::Silence(worker)) => {
                let mut effects = vec![Effect::Disconnect(worker)];
                effects.extend(run(role, Input::WorkerLost(worker)));
                effects
            }
            input => run(role, input),
        }
    }
}
