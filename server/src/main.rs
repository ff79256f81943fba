//! The binary `creneau`.

/// What an embedder chooses for itself: under a flood, the system's allocator kept several times
/// the memory that was in use. See docs/testing.md, Overload.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    creneau_server::cli::run()
}
