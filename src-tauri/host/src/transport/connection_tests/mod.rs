//! Whole connections over a socket pair.

mod ends;
mod eras;
mod world;
