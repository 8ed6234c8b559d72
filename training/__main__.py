"""python -m training, which torchrun starts too, is digits-train."""

from training.cli import main

main()
