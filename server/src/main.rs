//! The binary `creneau`.

/// What an embedder chooses for itself. Measured under a flood: docs/testing.md, Overload.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    creneau_server::cli::run()
}
