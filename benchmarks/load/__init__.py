"""What benchmarks of a running service are made of: pictures, requests, load, and what the processes take."""
