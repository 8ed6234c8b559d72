"""How right and how fast each model is, by each library that runs it."""
