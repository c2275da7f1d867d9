//! The HTTP shell as clients meet it: over real sockets, on a real store and real views.

mod door;
mod graphql;
mod idempotency;
mod pages;
mod platform;
mod sdl;
