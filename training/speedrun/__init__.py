"""The speed record: the shortest time to 99 % on MNIST. docs/speedrun.md has the rules and the log."""
