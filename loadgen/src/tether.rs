//! A process that does not outlive the generator, not even one that is killed.
//!
//! The kernel kills a process when the thread that started it ends, if the process has asked for
//! it. A child can be made to ask between its fork and its start only by unsafe code; so the
//! generator starts itself under [`COMMAND`], asks, and becomes the program: its id, its parent and
//! what it asked for stay the same. A thread of its own, the [`Keeper`], starts it, because the
//! threads of the runtime come and go.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::sync::mpsc::{SyncSender, sync_channel};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// The command of the generator's that becomes another program.
pub(crate) const COMMAND: &str = "tethered";

/// This very program, also where its file was replaced meanwhile.
const OWN: &str = "/proc/self/exe";

/// Becomes `program`, which is killed when the process `parent` ends. Gives why it did not.
pub(crate) fn tethered(parent: i32, program: &OsString, arguments: &[OsString]) -> String {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return format!("the end of the generator cannot be watched: {error}");
    }
    // A parent that ended before that is not told of any more.
    if getppid() != Pid::from_raw(parent) {
        return "the generator has ended".to_owned();
    }
    let error = std::process::Command::new(program).args(arguments).exec();
    format!("{}: {error}", program.display())
}

/// A command that runs `program` tethered to this process.
pub(crate) fn command(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(OWN);
    command.arg(COMMAND).arg(std::process::id().to_string()).arg(program.into());
    command
}

struct Order {
    command: Command,
    done: oneshot::Sender<io::Result<Child>>,
}

/// The thread that starts processes, and lives as long as they do.
pub(crate) struct Keeper {
    orders: SyncSender<Order>,
}

impl Keeper {
    /// Starts the thread; within a runtime.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub(crate) fn start() -> io::Result<Self> {
        let (orders, waiting) = sync_channel::<Order>(1);
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name("keeper".to_owned());
        thread.spawn(move || {
            let _entered = runtime.enter();
            for Order { mut command, done } in waiting {
                // Nobody waits any more: the child is dropped, and killed by that.
                let _ = done.send(command.spawn());
            }
        })?;
        Ok(Self { orders })
    }

    /// Starts a process.
    ///
    /// # Errors
    ///
    /// Why it was not started.
    pub(crate) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (done, started) = oneshot::channel();
        let ordered = self.orders.try_send(Order { command, done });
        ordered.map_err(|_| io::Error::other("another process is being started"))?;
        started.await.map_err(|_| io::Error::other("the keeper has ended"))?
    }
}
