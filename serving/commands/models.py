"""digits models: what there is."""

from rich.console import Console
from rich.table import Column, Table

from serving.card import Card
from serving.commands.console import Models, console, load_models
from serving.settings import find_models


def list_models(models: Models = None) -> None:
    """List the models: what each is, and what its card proves."""
    catalogue = load_models(find_models(models))
    table = Table(Column("name", no_wrap=True), "lab", "data", "parameters", "test accuracy (95 %)")
    for model in catalogue.models.values():
        table.add_row(*_summary(model.card))
    Console().print(table)
    for reason in catalogue.refused.values():
        console.print(f"refused: {reason}", style="red", markup=False)


def _summary(card: Card) -> tuple[str, ...]:
    low, high = card.test["interval"]
    accuracy = f"{card.test['accuracy']:.2%} ({low:.2%} to {high:.2%})"
    return card.name, card.lab, card.dataset["name"], f"{card.parameters:,}", accuracy
