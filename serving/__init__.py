"""Read pictures, run exported models, answer over HTTP and over folders. No torch here."""
