"""What each bundled model is for: a choice among them, which none of their cards can make alone."""

from __future__ import annotations

USES = {
    "emotion-7": "For most pictures: seven classes with neutral, which most faces in everyday pictures are. "
    "The option `only` leaves classes out, such as neutral.",
    "emotion-6": "For pictures that all show an expression: six classes, no neutral. "
    "A neutral face gets one of the six.",
    "fer2013-6": "To compare with figures published for FER-2013: answers as its labels do, where people often see "
    "something else. Four times slower.",
    "seed-cnn": "The baseline: the network that the project began with, small, fast and less accurate.",
}
"""When to use which of the bundled models, by name."""
