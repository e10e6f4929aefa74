//! The fleet against simulated cameras and against hostile ones, over loopback.

mod hostile;
mod rig;
mod simulated;
