"""What benchmarks/abuse.py does to a service, and how it sees what that does."""
