"""The records that travel, one module for each spec, for contacts by the million."""
