//! The recorder's parts together, on a real folder and a real index, with a clock that the test moves and a disk that it
//! can break. No thread runs here but where a test says so.

mod account;
mod checking;
mod cuts;
mod damage;
mod downloading;
mod extracting;
mod fallback;
mod faults;
mod faulty;
mod frames;
mod months;
mod playing;
mod reading;
mod rebuilding;
mod rig;
mod storage;
mod threads;
mod time;
mod volumes;
