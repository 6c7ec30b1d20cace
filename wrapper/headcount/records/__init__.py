"""From the cells of a row to the bytes of a contact: mapped, normalised, checked against the spec, encoded."""
