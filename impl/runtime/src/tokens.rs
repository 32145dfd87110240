//! Tokens of coordinators: each later one greater. Whoever starts coordinators draws them, for it knows which one began later, also
//! when a process was paused before it did anything. It begins above the token in the store: clocks may go back between two runs.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use truecut_core::{Outcome, Request, Token};

use crate::config::JobConfig;
use crate::failure::ProcessError;
use crate::store::{Checkpoints, LocalDirectory, is_bad_data};

/// Draws tokens.
#[derive(Debug)]
pub struct Tokens {
    last: u64,
}

impl Tokens {
    /// Tokens for a job, above the one that its checkpoint directory knows.
    ///
    /// # Errors
    /// The directory can't be read, or its head is damaged.
    pub fn of(config: &JobConfig) -> Result<Self, ProcessError> {
        let directory = LocalDirectory::open(&config.checkpoints.directory, &config.name)?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "a read of the head is answered so, or it failed")]
        match Checkpoints::new(Arc::new(directory)).perform(&Request::ReadHead) {
            Outcome::Head { head, .. } => Ok(Self { last: head.map_or(0, |head| head.token.get()) }),
            Outcome::Failed { detail } if is_bad_data(&detail) => Err(ProcessError::BadData { detail }),
            Outcome::Failed { detail } => Err(ProcessError::Environment { detail }),
            other => Err(ProcessError::Environment { detail: format!("the head can't be read: {other:?}") }),
        }
    }

    /// The next one: nanoseconds, where the clock goes forward.
    pub fn draw(&mut self) -> Token {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX - 1);
        self.last = nanos.max(self.last + 1);
        Token::new(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_token_is_greater_whatever_the_clock_says() {
        let mut tokens = Tokens { last: u64::MAX - 5 };
        assert_eq!(tokens.draw().get(), u64::MAX - 4);
        assert_eq!(tokens.draw().get(), u64::MAX - 3);
        let mut tokens = Tokens { last: 0 };
        assert!(tokens.draw() < tokens.draw());
    }
}
