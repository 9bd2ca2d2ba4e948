"""What a proposal needs before it may run. Pure: nothing here asks a clock, a file or a system."""
