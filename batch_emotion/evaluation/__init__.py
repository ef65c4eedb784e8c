"""Labelled images, or a result joined with labels, to figures: what ``evaluate`` is made of."""
