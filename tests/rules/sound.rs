//! Configurations as people run them, `tests/fixtures/configs/<server>/*.conf`: a rule that reports an error
//! in one of them is wrong.
