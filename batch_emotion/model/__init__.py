"""The model reads the images: networks by name, bundles on disk, runtimes and training."""

import os

# Both are read when a library is loaded, which is done only below here.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it is on by default, and keeps a file in /tmp
if not os.environ.get("BATCH_EMOTION_DEBUG"):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
