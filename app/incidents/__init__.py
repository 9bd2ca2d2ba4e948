"""One file per verb of the incident's life. A verb puts its state change, its timeline line, its audit row and what people
must be told into one transaction; it orders the steps and decides nothing that policy decides."""
