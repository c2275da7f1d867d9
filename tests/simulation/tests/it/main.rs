//! RTMP over a network that cuts, delays and breaks, in simulated time.

mod network;
mod rtmp;
mod script;
