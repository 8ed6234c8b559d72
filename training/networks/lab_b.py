"""Lab B: a multilayer perceptron that overfits a thousand pictures of MNIST. Input (N, 1, 28, 28) float, scores (N, 10)."""

from functools import partial

from torch import nn

from training.networks.perceptron import Perceptron

# 784 -> 512 ELU -> 10, weights from Xavier's normal distribution (Glorot and Bengio 2010). The lab's assignments change
# one argument each.
EluPerceptron = partial(Perceptron, hidden=(512,), activation=nn.ELU, initialise=nn.init.xavier_normal_)
