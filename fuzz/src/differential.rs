pub fn differential(_b: &[u8]) {}
