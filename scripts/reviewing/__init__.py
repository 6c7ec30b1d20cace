"""The parts of scripts/review.py: what a change of a spec means to those who use it."""
