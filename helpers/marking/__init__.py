"""How a result says what it is: metadata, a sidecar file, a signed manifest, and their checks."""
