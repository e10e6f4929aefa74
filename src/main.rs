//! The binary: configuration, build, run, drain, command line. Owns nothing else.

fn main() {}
