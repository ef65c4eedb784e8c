"""Scores, calibration and agreement, computed in one place, on arrays alone."""
