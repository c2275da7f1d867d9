//! Ingest health: what a feed is like, second by second, and what its broadcaster should mend. Pure.
