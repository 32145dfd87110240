//! The crash point that is armed, what it does when it strikes, and how it is written.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What happens at a crash point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strike {
    /// The process kills itself with SIGKILL.
    #[default]
    Kill,
    /// It stops itself with SIGSTOP, and goes on from there when somebody sends SIGCONT.
    Pause,
}

/// A crash point, the visit at which it strikes, and how. Written `POINT:ORDINAL` or `POINT:ORDINAL:pause`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrashAt {
    /// The name of one of [`super::all`].
    pub point: String,
    /// 1 is the first visit after it was armed.
    pub ordinal: u32,
    /// What happens there.
    pub strike: Strike,
}

impl FromStr for CrashAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let (point, ordinal, strike) = (parts.next().unwrap_or(text), parts.next(), parts.next());
        if !super::all().iter().any(|known| known.name == point) {
            return Err(format!("there is no crash point `{point}`; `truecut list crash-points` names them"));
        }
        let ordinal = ordinal.unwrap_or("1").parse().ok().filter(|ordinal| *ordinal > 0);
        let strike = match strike {
            None | Some("kill") => Some(Strike::Kill),
            Some("pause") => Some(Strike::Pause),
            Some(_) => None,
        };
        match (ordinal, strike, parts.next()) {
            (Some(ordinal), Some(strike), None) => Ok(Self { point: point.into(), ordinal, strike }),
            _ => Err(format!("`{text}`: write POINT:ORDINAL or POINT:ORDINAL:pause, the first visit is 1")),
        }
    }
}

impl fmt::Display for CrashAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.point, self.ordinal)?;
        match self.strike {
            Strike::Kill => Ok(()),
            Strike::Pause => f.write_str(":pause"),
        }
    }
}

static ARMED: Mutex<Option<CrashAt>> = Mutex::new(None);
static IS_ARMED: AtomicBool = AtomicBool::new(false);

/// Arms a crash point of this process, in place of one that was armed before.
pub fn arm(at: CrashAt) {
    *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    IS_ARMED.store(true, Ordering::Release);
}

/// Takes a line from whoever started this process: `arm POINT:ORDINAL`, or `disarm`. Any other line is not for this module.
pub fn listen(line: &str) {
    if line == "disarm" {
        IS_ARMED.store(false, Ordering::Release);
        *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = None;
    } else if let Some(at) = line.strip_prefix("arm ") {
        match at.parse() {
            Ok(at) => {
                tracing::info!(at = %at, "a crash point is armed");
                arm(at);
            }
            Err(error) => tracing::error!(%error, "a crash point can't be armed"),
        }
    }
}

pub(super) fn is_armed() -> bool {
    IS_ARMED.load(Ordering::Acquire)
}

pub(super) fn reached(name: &str, place: &str) {
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(at) = armed.as_mut() else { return };
    if at.point.split_once('.') != Some((name, place)) {
        return;
    }
    at.ordinal -= 1;
    if at.ordinal > 0 {
        return;
    }
    tracing::warn!(name, place, "crash point reached");
    match at.strike {
        Strike::Kill => loop {
            let _ = kill(Pid::this(), Signal::SIGKILL);
        },
        Strike::Pause => {
            IS_ARMED.store(false, Ordering::Release);
            *armed = None;
            let _ = kill(Pid::this(), Signal::SIGSTOP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_point_is_written_as_name_ordinal_and_strike() {
        let at: CrashAt = "commit.unanswered:3".parse().unwrap();
        assert_eq!(at, CrashAt { point: "commit.unanswered".into(), ordinal: 3, strike: Strike::Kill });
        assert_eq!(at.to_string().parse(), Ok(at));
        let at: CrashAt = "flush.before:1:pause".parse().unwrap();
        assert_eq!((at.strike, at.to_string().as_str()), (Strike::Pause, "flush.before:1:pause"));
        assert_eq!("flush.before".parse::<CrashAt>().unwrap().ordinal, 1);
        for wrong in ["flush", "flush.after:1", "flush.before:0", "flush.before:x", "flush.before:1:stop"] {
            assert!(wrong.parse::<CrashAt>().is_err(), "{wrong}");
        }
    }
}
