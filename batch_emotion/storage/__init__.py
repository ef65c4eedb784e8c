"""Where files are: their names, reading, atomic commits and the lock on an output, here and on object stores."""
