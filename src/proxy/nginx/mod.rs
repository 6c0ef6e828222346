//! nginx: configuration reader, routes, lint, logs.
