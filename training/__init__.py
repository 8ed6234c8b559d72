"""Train the labs' networks, export them with a proof. Torch lives here, and only here."""
