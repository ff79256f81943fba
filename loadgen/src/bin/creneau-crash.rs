//! The binary `creneau-crash`.

fn main() -> std::process::ExitCode {
    creneau_loadgen::crash::run()
}
