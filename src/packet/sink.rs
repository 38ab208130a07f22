//! Writing bytes.
