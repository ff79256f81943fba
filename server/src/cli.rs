//! The command line: what can be asked of the binary `creneau`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::commands::{self, Failure};

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "creneau", version, about = "A booking engine for health appointments")]
#[command(after_help = "CRENEAU_LOG sets what is logged on standard error, such as `debug` or \
    `warn,creneau=info`, and\nCRENEAU_LOG_FORMAT how: text or json.\nExit statuses: 0 done, \
    1 failed, 2 wrong usage, 70 the engine has failed and the process must be restarted, \
    130 and 143 ended at once by a second signal.")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve bookings over HTTP.
    Serve(Serve),
    /// Serve calendars made up for the occasion, and show what to try.
    Demo(Demo),
    /// Make calendars from a file.
    Import(Import),
    /// Read a whole directory, and say whether it is sound.
    Verify(Verify),
    /// Write everything that happened as JSON Lines.
    Export(Export),
    /// Copy the bookings to another directory, also while a server uses them.
    Backup(Backup),
    /// Bring a backup back, and make sure that it is sound.
    Restore(Restore),
    /// Make a token, which lets whoever has it use a server.
    Token(Token),
    /// Look at the settings of a server.
    Config(ConfigCommand),
    /// See whether this machine and these settings suit a server, and what to do about it.
    Doctor(Doctor),
    /// Ask a server whether it takes bookings; exit 1 where it does not.
    Health(Health),
}

/// `creneau backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// The directory of the bookings.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The directory that becomes the copy; there must be nothing in it.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// The server that uses the directory, such as `http://127.0.0.1:8080`; it is found without.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// `creneau restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup.
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The directory that becomes the bookings; there must be nothing in it.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

/// `creneau health`.
#[derive(Debug, Args)]
pub struct Health {
    /// The server; as standard where the settings of the environment have it listen.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// `creneau verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The directory of the bookings, which no server may be using; nothing in it is changed.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Answer with one JSON object alone on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `creneau export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The directory of the bookings, which no server may be using; nothing in it is changed.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Begin with the entry after this one.
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    pub after: u64,
}

/// Where a server listens.
#[derive(Debug, Args)]
pub struct Listen {
    /// The address and port to listen on; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// Listen beyond this machine, though whoever reaches the port may read and book everything.
    #[arg(long)]
    pub insecure: bool,
}

/// How to be admitted by a server that is asked, and whom to take for it.
#[derive(Debug, Default, Args)]
pub struct TrustArgs {
    /// A file with the token to show to the server, on its first line.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificates to trust in place of those of the system, for an https:// server.
    #[arg(long, value_name = "PEM")]
    pub ca: Option<PathBuf>,
}

/// The settings of a server. Those in a file and the environment are fewer to type: see
/// `creneau config print`.
#[derive(Debug, Default, Args)]
pub struct SettingsArgs {
    /// A file of settings in TOML; CRENEAU_CONFIG names it too.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The directory of the bookings; it is created if need be.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keep everything in memory, gone with the process: for trials.
    #[arg(long, conflicts_with = "data")]
    pub memory: bool,
    /// The address and port to listen on; port 0 takes any free one. 127.0.0.1:8080 as standard.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Listen beyond this machine without tokens or TLS, for all who can reach the port.
    #[arg(long)]
    pub insecure: bool,
    /// The file of the tokens that are known; see `creneau token`.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The certificates, the server's own first.
    #[arg(long, value_name = "PEM")]
    pub tls_certificate: Option<PathBuf>,
    /// The key of the server's certificate.
    #[arg(long, value_name = "PEM")]
    pub tls_key: Option<PathBuf>,
    /// How long a hold lasts.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub hold_seconds: Option<u64>,
    /// Any other setting, as often as need be; `creneau config print` lists them.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// `creneau serve`.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// `creneau token`.
#[derive(Debug, Args)]
pub struct Token {
    /// Who will use it. Two tokens may have one name: a new one can replace an old one that way.
    #[arg(long)]
    pub name: String,
    /// What it may be used for; more than once for both.
    #[arg(long, required = true, value_enum)]
    pub scope: Vec<crate::http::Scope>,
    /// The file of the server's tokens, to which it is added; it is created if need be.
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
}

#[derive(Debug, Args)]
struct ConfigCommand {
    #[command(subcommand)]
    what: ConfigWhat,
}

#[derive(Debug, Subcommand)]
enum ConfigWhat {
    /// Say what is wrong with the settings, all of it.
    Check(SettingsArgs),
    /// Write all settings, with units, ranges and who has set them, as a file to start from.
    Print(SettingsArgs),
}

/// `creneau doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Answer with one JSON object alone on standard output.
    #[arg(long)]
    pub json: bool,
}

/// `creneau demo`.
#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    pub(crate) listen: Listen,
}

#[derive(Debug, Args)]
struct Import {
    #[command(subcommand)]
    what: ImportWhat,
}

#[derive(Debug, Subcommand)]
enum ImportWhat {
    /// Vaccination centres and pharmacies with their opening hours, one calendar each.
    Centres(ImportCentres),
}

/// `creneau import centres`.
#[derive(Debug, Args)]
pub struct ImportCentres {
    /// A JSON list of centres.
    pub file: PathBuf,
    #[command(flatten)]
    pub(crate) into: Into,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// Answer with one JSON object alone on standard output.
    #[arg(long)]
    pub json: bool,
    /// How many people each centre sees at once.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub lanes: u16,
    /// How long an appointment takes.
    #[arg(long, value_name = "MINUTES", default_value_t = 5)]
    pub reason_minutes: u16,
    /// The step on which appointments start.
    #[arg(long, value_name = "MINUTES", default_value_t = 5)]
    pub grid_minutes: u8,
    /// How far ahead people can book.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub horizon_days: u16,
}

/// Where calendars go: exactly one of the two.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Into {
    /// Into this directory, which no server may be using.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// To this running server, such as `http://127.0.0.1:8080`.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
}

/// Reads the command line of this process and does what it asks.
#[must_use]
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(asked) => commands::serve::run(&asked),
        Command::Demo(asked) => commands::demo::run(asked),
        Command::Import(Import { what: ImportWhat::Centres(asked) }) => {
            commands::import::run(asked)
        }
        Command::Verify(asked) => commands::verify::run(asked),
        Command::Export(asked) => commands::export::run(asked),
        Command::Backup(asked) => commands::backup::run(asked),
        Command::Restore(asked) => commands::backup::restore(asked),
        Command::Token(asked) => commands::token::run(asked),
        Command::Config(ConfigCommand { what: ConfigWhat::Check(asked) }) => {
            commands::config::check(&asked)
        }
        Command::Config(ConfigCommand { what: ConfigWhat::Print(asked) }) => {
            commands::config::print(&asked)
        }
        Command::Doctor(asked) => commands::doctor::run(&asked),
        Command::Health(asked) => commands::health::run(asked),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { status, message }) => {
            // Where standard error is closed, the exit status has to do.
            let _ = writeln!(std::io::stderr(), "creneau: {message}");
            ExitCode::from(status)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_must_and_what_must_not_stand_together() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        assert!(parse("creneau serve --data d --listen 127.0.0.1:0 --hold-seconds 60"));
        assert!(parse("creneau serve --memory"));
        assert!(parse("creneau demo --listen 127.0.0.1:0"));
        assert!(parse("creneau import centres f --data d --json --lanes 20"));
        assert!(parse("creneau import centres f --server http://127.0.0.1:8080"));
        assert!(parse("creneau verify --data d --json"));
        assert!(parse("creneau export --data d --after 17"));
        assert!(parse("creneau backup --data d --to e --server http://127.0.0.1:1"));
        assert!(parse("creneau restore --from d --to e"));
        assert!(parse("creneau serve --config c --set http.feeds_max=3 --set log=debug"));
        assert!(parse("creneau token --name a --scope book --scope operate --token-file f"));
        assert!(parse("creneau config check --config c"));
        assert!(parse("creneau doctor --data d --json"));
        assert!(parse("creneau health") && parse("creneau health --url http://127.0.0.1:1"));
        for wrong in [
            "creneau verify",
            "creneau export --data d --after x",
            "creneau serve --data d --memory",
            "creneau token --name a --token-file f",
            "creneau token --name a --scope all --token-file f",
            "creneau config",
            "creneau serve --data d --hold-seconds 0",
            "creneau import centres f",
            "creneau import centres f --data d --server http://127.0.0.1:8080",
            "creneau import doctors f --data d",
        ] {
            assert!(!parse(wrong), "{wrong}");
        }
    }
}
