"""The architectures, one module per lab: nn.Module classes, forward only."""
