"""The version, and the model that is used where none is named: what the lowest layers need to know of the package."""

__version__ = "0.1.0"
DEFAULT_MODEL = "emotion-7"
