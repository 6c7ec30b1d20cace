"""Every decision of a load, pure: no clock, no I/O and no chance of its own. It never sees a vendor's shape."""
