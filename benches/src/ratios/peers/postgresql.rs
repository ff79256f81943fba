//! PostgreSQL: one table of bookings whose key is the slot. A hold is an insert that does nothing
//! where the slot is taken, a confirm an update of the same row: two transactions, as two requests
//! are.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{program, text};
use crate::plan::{Fallible, Plan, now};

/// Who runs it where this program is run by root, which PostgreSQL refuses.
const USER: &str = "postgres";

/// How long a start may take.
const STARTED_WITHIN: Duration = Duration::from_secs(60);

const SCHEMA: &str = "CREATE TABLE bookings (calendar int, start int, patient bigint NOT NULL, \
                      state smallint NOT NULL, deadline timestamptz NOT NULL, \
                      PRIMARY KEY (calendar, start))";

/// Slots are drawn from so many that nearly none is drawn twice, as ours are not.
const BOOKING: &str = "\
\\set calendar random(1, 10000)
\\set start random(1, 1000000000)
\\set patient random(1, 1000000000000)
INSERT INTO bookings VALUES (:calendar, :start, :patient, 1, now() + interval '15 minutes') \
ON CONFLICT DO NOTHING;
UPDATE bookings SET state = 2 WHERE calendar = :calendar AND start = :start AND patient = :patient \
AND state = 1 AND deadline > now();
";

/// A server of its own on an empty cluster, over a Unix socket alone.
pub(super) struct Server {
    child: Child,
    place: PathBuf,
    script: PathBuf,
}

impl Server {
    pub(super) fn start(plan: &Plan) -> Fallible<Self> {
        let place = plan.place("postgresql");
        std::fs::create_dir(&place)?;
        if rustix::process::geteuid().is_root() {
            // Only to pass through.
            std::fs::set_permissions(&plan.root, std::fs::Permissions::from_mode(0o711))?;
            done(Command::new("chown").args([USER, text(&place)?]))?;
        }
        let (data, script) = (place.join("data"), place.join("booking.sql"));
        done(as_user(&program("initdb")?).args([
            "--auth=trust",
            "--username=bench",
            "-D",
            text(&data)?,
        ]))
        .map_err(|error| format!("{error}; can {USER} enter {}?", place.display()))?;
        let child = as_user(&program("postgres")?)
            .args(["-D", text(&data)?, "-k", text(&place)?, "-c", "listen_addresses="])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        std::fs::write(&script, BOOKING)?;
        let server = Self { child, place, script };
        let began = now();
        while done(server.client("pg_isready")?.args(["-q"])).is_err() {
            if STARTED_WITHIN < began.elapsed() {
                return Err("PostgreSQL did not start".into());
            }
            #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
            std::thread::sleep(Duration::from_millis(50));
        }
        done(server.client("psql")?.args(["-qc", SCHEMA]))?;
        Ok(server)
    }

    fn client(&self, name: &str) -> Fallible<Command> {
        let mut command = Command::new(program(name)?);
        command.args(["-h", text(&self.place)?, "-U", "bench", "-d", "postgres"]);
        Ok(command)
    }

    /// Bookings a second.
    pub(super) fn measure(&self, clients: u64, span: Duration) -> Fallible<f64> {
        let (clients, seconds) = (clients.to_string(), span.as_secs().max(1).to_string());
        let mut command = self.client("pgbench")?;
        command.args(["-n", "-M", "prepared", "-f", text(&self.script)?]);
        let said = done(command.args(["-c", &clients, "-T", &seconds]))?;
        let line = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let figure = line.and_then(|line| line.split(' ').next()).and_then(|it| it.parse().ok());
        figure.ok_or_else(|| format!("pgbench said no rate: {said}").into())
    }

    /// Ends it, and gives its version.
    pub(super) fn finish(self) -> Fallible<String> {
        let unfinished = "SELECT count(*) FROM bookings WHERE state <> 2";
        let left = done(self.client("psql")?.args(["-qAtc", unfinished]))?;
        if left.trim() != "0" {
            return Err(format!("PostgreSQL has {} holds without a confirm", left.trim()).into());
        }
        let version = done(Command::new(program("postgres")?).arg("--version"))?;
        Ok(version.trim().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it calls a fast shutdown: it ends those who are connected, and leaves in order.
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        let _ = self.child.wait();
    }
}

/// A command that is run by somebody whom PostgreSQL lets run it.
fn as_user(program: &std::path::Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]).arg(program);
    command
}

/// Runs a command to its end, and gives what it said.
fn done(command: &mut Command) -> Fallible<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{}: {why}", command.get_program().to_string_lossy()).into())
}
