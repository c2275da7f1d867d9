//! The platform through its real doors.
