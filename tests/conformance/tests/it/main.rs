//! The judge is judged: by a small origin that keeps every rule, and breaks one where it is told to.

mod mutants;
mod origin;
mod refusals;
