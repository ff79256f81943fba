//! The server as a binary beside the generator's tests, built with them and from the same sources.

fn main() -> std::process::ExitCode {
    creneau_server::cli::run()
}
