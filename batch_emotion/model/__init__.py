"""The model reads the images: networks by name, bundles on disk, runtimes and training."""
