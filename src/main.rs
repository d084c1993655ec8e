/// Events are parsed on one thread, decided on another and forgotten on a third. The C library's
/// allocator spends a quarter of the daemon's time on that, and keeps what it once had. Without
/// huge pages (`no_thp`): an idle daemon had 16 MiB in them that it did not use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    agentpulse::cli::main()
}
