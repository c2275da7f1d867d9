//! The HTTP shell as clients meet it: over real sockets, on a real store and real views.

mod admission;
mod assets;
mod breaks;
mod cutter;
mod door;
mod feeds;
mod graphql;
mod guards;
mod idempotency;
mod limits;
mod lists;
mod pages;
mod platform;
mod sdl;
mod signing_in;
mod sockets;
mod streams;
mod subscriptions;
mod tokens;
