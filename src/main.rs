fn main() -> std::process::ExitCode {
    agentpulse::cli::main()
}
