"""MNIST's test pictures whose labels people do not agree with.

Northcutt, Athalye and Mueller 2021, "Pervasive Label Errors in Test Sets Destabilize Machine Learning Benchmarks", had five
people look at each test picture that their method doubted. These are the fifteen for which fewer than three of the five
chose the label (mturk/mnist_mturk.json in https://github.com/cleanlab/label-errors). None is corrected here; figures are
told with them, as everybody's are, and without them.
"""

DOUBTED: dict[int, tuple[int, int]] = {
    947: (8, 0),
    1621: (0, 2),
    1901: (9, 2),
    2130: (4, 2),
    2462: (2, 0),
    2597: (5, 0),
    2654: (6, 0),
    3520: (6, 2),
    3558: (5, 1),
    5937: (5, 1),
    6651: (0, 0),
    6783: (1, 2),
    8527: (4, 2),
    9679: (6, 2),
    9729: (5, 2),
}
"""By the picture's index in the test split: its label, and how many of five people chose that."""
