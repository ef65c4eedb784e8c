"""One module for each subcommand: a frozen options dataclass and one function that a Python program can call."""
