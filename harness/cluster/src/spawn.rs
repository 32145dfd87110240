//! Child processes that die with this one, also when it is killed.
//!
//! The kernel ties a child's death signal to the *thread* that made it. A thread of a pool may end long before the
//! process does, and would take the child with it; so one thread, which lives as long as the process, makes them all.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};

type Job = Box<dyn FnOnce() + Send>;

/// The way to the thread that makes children.
static MAKER: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
    let (jobs, work) = channel::<Job>();
    thread::spawn(move || {
        for job in work {
            job();
        }
    });
    Mutex::new(jobs)
});

/// Starts `command` in a process group of its own, so that Ctrl-C at the terminal does not reach it; the kernel kills it
/// with SIGKILL when this process ends, however it ends.
///
/// # Errors
/// What starting a process can fail with.
pub fn spawn_bound(mut command: Command) -> io::Result<Child> {
    let parent = Pid::this();
    command.process_group(0);
    let before_exec = move || {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid() == parent {
            return Ok(());
        }
        // The parent died before the signal was set, so it will never come.
        Err(io::Error::other("the parent process is gone"))
    };
    #[expect(unsafe_code, reason = "the death signal can only be set between fork and exec")]
    // SAFETY: the closure only makes the system calls prctl and getppid, which are safe after a fork, and allocates
    // nothing unless it fails.
    unsafe {
        command.pre_exec(before_exec);
    }
    let (answer, outcome) = channel();
    let job: Job = Box::new(move || {
        // The receiver waits below; if it were gone, the child would be nobody's and dies with this process.
        let _sent = answer.send(command.spawn());
    });
    let gone = |_| io::Error::other("the thread that starts processes has ended");
    MAKER.lock().unwrap_or_else(PoisonError::into_inner).send(job).map_err(|e| gone(e.to_string()))?;
    outcome.recv().map_err(|e| gone(e.to_string()))?
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let mut sleep = Command::new("sleep");
        sleep.arg("60");
        let asked = thread::spawn(move || spawn_bound(sleep));
        let mut child = asked.join().expect("the thread ends").expect("sleep starts");
        thread::sleep(Duration::from_millis(200));
        assert!(
            child.try_wait().expect("it can be asked").is_none(),
            "it was killed with its asker's thread"
        );
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }
}
