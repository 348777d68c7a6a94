//! The `dragline` program.

fn main() -> std::process::ExitCode {
    dragline::cli::main()
}
