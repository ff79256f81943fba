//! The binary `creneau-loadgen`.

fn main() -> std::process::ExitCode {
    creneau_loadgen::cli::run()
}
