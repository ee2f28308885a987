"""What `play` is given, made uniform: players with names, whole numbers, lists of functions. The rest is refused by name."""

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

from nbdgm.training.player import Player


def named(players: Player | Sequence[Player]) -> list[Player]:
    """The players in a list, each with a name of its own.

    Raises:
        TypeError, ValueError: no players, something else among them, one twice, two of one name, or one with frozen parameters.
    """
    players = [players] if isinstance(players, Player) else list(players)
    if not players:
        raise ValueError("play needs at least one player")
    for i, player in enumerate(players, 1):
        if not isinstance(player, Player):
            raise TypeError(f"play: players must be Player objects, got {type(player).__name__}")
        player.name = player.name or f"player {i}"
        player.check_trainable()
    names = [player.name for player in players]
    if len(set(names)) < len(names):
        raise ValueError(f"play: two players have the same name, got {names}; give each its own name=")
    return players


def count(name: str, number: int, least: int) -> int:
    """A whole number of at least `least` (numpy's are as good as Python's).

    Raises:
        TypeError, ValueError: it is not.
    """
    if isinstance(number, bool) or not isinstance(number, Integral):
        raise TypeError(f"play: {name} must be a whole number, got {number!r}")
    if number < least:
        raise ValueError(f"play: {name} must be {least} or more, got {number}")
    return int(number)


def listed(callbacks: Callable | Sequence[Callable]) -> list[Callable[..., Any]]:
    """One function, or several, as a list.

    Raises:
        TypeError: one of them is no function.
    """
    callbacks = [callbacks] if callable(callbacks) else list(callbacks)
    for callback in callbacks:
        if not callable(callback):
            raise TypeError(f"play: callbacks must be functions of (step, history), got {type(callback).__name__}")
    return callbacks
