"""Lab D's least squares: five weights, one observation, L(w) = (1 - (w1 + ... + w5))^2, from w = 0."""

import torch
from matplotlib.figure import Figure

from training.lessons.lesson import Lesson

STEPS = 150
LAB_RATE = 0.01
FASTEST_RATE = 0.1
"""1 / 10: see `curvature`."""


def curvature() -> float:
    """The largest eigenvalue of L's second derivative, 2 x xT for x of five ones: the other four are zero."""
    x = torch.ones(5, dtype=torch.float64)
    return float(torch.linalg.eigvalsh(2 * torch.outer(x, x)).max())


def descend(rate: float, steps: int = STEPS) -> list[float]:
    """The loss before each step of gradient descent in float32, as the lab computes and prints it."""
    x, y = torch.ones(1, 5), torch.ones(1, 1)
    weights = torch.zeros(5, 1, requires_grad=True)
    losses = []
    for _ in range(steps):
        loss = (y - x.mm(weights)).pow(2)
        (gradient,) = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            weights -= rate * gradient
        losses.append(loss.item())
    return losses


def teach() -> Lesson:
    """Descend at the lab's rate, and at the rate that converges fastest."""
    losses, steepest = descend(LAB_RATE), curvature()
    told = [f"learning rate {LAB_RATE}"]
    told += [f"step {step:3}: loss {losses[step - 1]}" for step in range(10, STEPS + 1, 10)]
    told += [
        "",
        f"Along the only direction in which it curves the loss has the second derivative {steepest:.0f}, so a step",
        f"multiplies the error by 1 - {steepest:.0f} x rate: 0.9 at the lab's rate, and the loss by 0.81.",
        f"The fastest rate is 1 / {steepest:.0f} = {FASTEST_RATE}, which makes that factor 0: losses "
        + ", ".join(f"{loss:g}" for loss in descend(FASTEST_RATE, 3)),
        f"From 2 / {steepest:.0f} = {2 / steepest} on it is -1 or worse, and the loss grows: at 0.21 "
        + ", ".join(f"{loss:.3g}" for loss in descend(0.21, 4)),
        "The last losses are what float32 leaves of 1 - (w1 + ... + w5), not what the method does.",
    ]
    return Lesson("gradient descent on five weights", told, {"losses": _plot()})


def _plot() -> Figure:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss", yscale="log", ylim=(1e-15, 1e3), title="L(w) = (1 - Σw)²")
    for rate in (0.003, LAB_RATE, 0.03, FASTEST_RATE, 0.15, 0.21):
        losses = descend(rate)
        axes.plot(range(1, STEPS + 1), losses, label=f"rate {rate}", marker="o" if rate == FASTEST_RATE else None)
    axes.legend()
    return figure
