//! placeholder

/// placeholder
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {}
