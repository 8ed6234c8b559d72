"""What benchmarks/folders.py measures `digits predict` with: sets of pictures, contenders, memory."""
