"""Images come in: sources make a plan, the pipeline reads and decodes it in batches."""
