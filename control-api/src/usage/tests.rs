//! The register through a life and a crash.
