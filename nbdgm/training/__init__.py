"""One game, n players: `Player`, the loop `play`, its `History`, checkpoints. Maximum likelihood is a game with one player."""

from nbdgm.training.checkpoint import CheckpointError
from nbdgm.training.history import History, NonFiniteError
from nbdgm.training.play import play
from nbdgm.training.player import Player, adam, linear_decay, sgd

__all__ = ["CheckpointError", "History", "NonFiniteError", "Player", "adam", "linear_decay", "play", "sgd"]
