"""The labels of images: of folders and manifests to train on, by the votes of several people, of a result."""
