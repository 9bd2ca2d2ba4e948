"""Changes: what a diff alters, what that would look like, and whether it is what is seen."""
