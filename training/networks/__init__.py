"""The architectures, one module per lab: nn.Module classes and nothing of how they are trained."""
