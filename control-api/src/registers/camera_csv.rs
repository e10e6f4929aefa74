//! Import of cameras from CSV.
