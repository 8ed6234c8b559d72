"""Pictures on disk to rows in a file."""
