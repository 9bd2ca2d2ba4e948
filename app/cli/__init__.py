"""`firstmate …`, one file per verb. Imports are lazy: `--help` must be quick."""
