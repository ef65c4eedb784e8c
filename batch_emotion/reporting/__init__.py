"""What a report holds: counts, samples, groups and differences, gathered from a result of any length in one pass."""
