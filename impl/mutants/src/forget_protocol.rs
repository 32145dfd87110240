//! A snapshot does not say which transaction protocol the producer spoke: a transaction that was ended by V2 and not heard of is
//! asked for by V1, which finds an epoch that it does not know (KIP-890).

use truecut_core::{Batch, Effect, Input, TransactionProtocol};

use crate::interpose::{Interpose, Within, listing, run};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ForgetProtocol;

impl Interpose for ForgetProtocol {
    fn step<B: Batch + Clone, S: Clone>(
        &mut self,
        role: &mut Within<'_, B, S>,
        input: Input<B, S>,
    ) -> Vec<Effect<B, S>> {
        let mut effects = run(role, input);
        for (_, listed) in effects.iter_mut().filter_map(listing) {
            listed.iter_mut().for_each(|committable| committable.protocol = TransactionProtocol::V1);
        }
        effects
    }
}
