//! Stored shapes.
