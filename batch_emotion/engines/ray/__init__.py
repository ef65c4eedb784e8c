"""Ray Data's workers as an engine: nothing here imports Ray before its settings are in the environment."""
