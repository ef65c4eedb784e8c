"""One run on one output: its job, what is left of it to do, its record and how it ends."""
