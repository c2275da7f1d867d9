//! The HTTP shell as clients meet it: over real sockets, on a real store and real views.

mod door;
mod graphql;
mod idempotency;
mod limits;
mod pages;
mod platform;
mod sdl;
mod signing_in;
mod sockets;
mod streams;
