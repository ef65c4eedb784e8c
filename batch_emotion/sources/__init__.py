"""What there is to read: folders, files, globs, buckets, archives and manifests become a plan; no image is opened."""
