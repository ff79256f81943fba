//! The binary `creneau`.

fn main() -> std::process::ExitCode {
    creneau_server::cli::run()
}
