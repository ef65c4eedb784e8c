"""What images are labelled: in folders and manifests to train on, by the votes of several people, in a result."""
