"""Reading from an object store."""

from batch_emotion.storage.remote import place
from tests.store import Bucket


def test_keys_are_taken_as_they_are(bucket: Bucket) -> None:
    for key in ("a b/50%#ü.jpg", "*[a]?.jpg", "plus+&=~.jpg", "back\\slash.jpg", "%41.jpg"):
        there = place(bucket.put(key, key.encode()))
        with there.filesystem.open_input_stream(there.key) as file:
            assert file.read() == key.encode()
