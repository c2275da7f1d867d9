//! What the codecs of real encoders say, and what strangers may send instead.

mod garbage;
mod records;
