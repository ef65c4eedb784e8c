"""What there is to read: folders, files, globs, buckets and manifests become a plan, without an image being opened."""
