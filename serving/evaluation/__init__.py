"""Labelled pictures to figures: how good a model is on pictures of one's own."""
