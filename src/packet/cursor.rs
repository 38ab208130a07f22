//! Reading bytes.
