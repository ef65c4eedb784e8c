"""Who runs the shards; every engine calls the same kernel and commits in the same way."""
