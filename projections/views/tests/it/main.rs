//! The views through their public door.
