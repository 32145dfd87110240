//! The core's alphabets at run time.

use truecut_core::{Effect, Input, Message};

use crate::records::Records;
use crate::store::StateHandle;

/// What goes into a role.
pub type In = Input<Records, StateHandle>;

/// What comes out of a role.
pub type Out = Effect<Records, StateHandle>;

/// What crosses a control connection.
pub type Mail = Message<StateHandle>;
