"""Images come in: sources make a plan, the pipeline reads and decodes it in batches."""

import os

from batch_emotion.errors import BatchEmotionError

os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
try:
    import cv2
except ImportError as error:
    raise BatchEmotionError(
        f"OpenCV could not be loaded ({error}); on Debian or Ubuntu run: apt-get install libgl1 libglib2.0-0"
    ) from error

cv2.setNumThreads(0)  # its threads would fight with those of tf.data and of the runtime
