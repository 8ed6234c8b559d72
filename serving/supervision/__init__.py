"""Processes and their connections: one supervisor that listens, and workers that accept. Knows nothing of pictures."""
