"""A typed client for each spec, synchronous and asynchronous, for calls made one at a time."""
