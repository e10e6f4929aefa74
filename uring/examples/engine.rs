//! Prints which engine this machine allows: `io_uring` or `epoll`. The suite asks before it tests with io_uring alone.

use std::io::Write as _;

fn main() {
    match uring::Engine::open(uring::Choice::Auto) {
        Ok((engine, refused)) => {
            writeln!(std::io::stdout(), "{}", engine.kind().as_str()).ok();
            if let Some(refused) = refused {
                writeln!(std::io::stderr(), "{refused}").ok();
            }
        }
        Err(refused) => eprintln!("{refused}"),
    }
}
