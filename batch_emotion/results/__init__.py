"""Results go out: the rows' schema, the parts of an unfinished run, the final file and the summary."""
