//! Tokens of coordinators: each later one greater. Whoever starts coordinators draws them, for it knows which one began later, also
//! when a process was paused before it did anything. It begins above the token in the store: clocks may go back between two runs.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use truecut_core::{Outcome, Request, Token};

use crate::config::JobConfig;
use crate::failure::ProcessError;
use crate::store::{Checkpoints, LocalDirectory};

/// Draws tokens.
#[derive(Debug)]
pub struct Tokens {
    last: u64,
}

impl Tokens {
    /// Tokens for a job, above the one that its checkpoint directory knows. A head that can't be read is for the coordinator to
    /// tell: it reads it, too, before it does anything.
    ///
    /// # Errors
    /// There is no such directory, and none can be made.
    pub fn of(config: &JobConfig) -> Result<Self, ProcessError> {
        let directory = LocalDirectory::open(&config.checkpoints.directory, &config.name)?;
        let read = Checkpoints::new(Arc::new(directory)).perform(&Request::ReadHead);
        let head = if let Outcome::Head { head, .. } = read { head } else { None };
        Ok(Self { last: head.map_or(0, |head| head.token.get()) })
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
