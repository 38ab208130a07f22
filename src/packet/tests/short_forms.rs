//! short_forms
