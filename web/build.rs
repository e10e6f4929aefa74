//! The crate is built anew when the console is: its files are part of it.
#![allow(clippy::print_stdout, reason = "so a build script speaks with cargo")]

fn main() {
    println!("cargo:rerun-if-changed=dist");
    println!("cargo:rerun-if-changed=build.rs");
}
