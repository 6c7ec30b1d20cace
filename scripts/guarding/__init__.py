"""What spec_guard.py is made of: reading a spec, and the rules that it has to keep."""
