//! reject_properties
