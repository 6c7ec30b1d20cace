"""The vendors' interfaces as code: clients, wire records and the compiled specs."""
