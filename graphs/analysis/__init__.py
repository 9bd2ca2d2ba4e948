"""Pure functions on arrays and strings. No I/O, no clock: the same input gives the same answer, everywhere.

One folder per kind of telemetry; beside them what joins them (`fuse`) and what things (`naming`) and faults (`labels`) are called.
"""
