"""Calls made one at a time: the generated operations, with the deadlines, authorization and errors of the loads."""
