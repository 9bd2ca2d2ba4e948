"""Pure functions on arrays and strings. No I/O, no clock: the same input gives the same answer, everywhere."""
