"""A service that runs elsewhere, asked over HTTP."""
