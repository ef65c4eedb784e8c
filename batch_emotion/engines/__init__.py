"""What runs the shards: every engine calls the same kernel, commits in the same way and reports in the same words."""
