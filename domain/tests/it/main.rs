//! Behaviour of the aggregates.
