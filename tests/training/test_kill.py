"""A run that is killed at a random moment and resumed has the weights of an unbroken one, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time

import games
import pytest

from nbdgm.training import play

STEPS = 60


@pytest.mark.parametrize("name", games.GAMES)
def test_killed_and_resumed_is_as_never_killed(name, tmp_path):
    file = tmp_path / "run.pt"
    command = [sys.executable, games.__file__, name, str(file), str(STEPS)]
    moment = random.SystemRandom()
    last = moment.randrange(5, STEPS - 5)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
        for line in process.stdout:
            if line.split() == ["step", str(last)]:
                time.sleep(moment.random() * 0.005)
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL

    resumed = games.GAMES[name]()
    after = play(resumed.players, resumed.data, STEPS, checkpoint=file)
    unbroken = games.GAMES[name]()  # seeds
    whole = play(unbroken.players, unbroken.data, STEPS)
    assert games.same(games.state_of(resumed.players), games.state_of(unbroken.players)), f"killed at step {last}"
    assert after.keys() == whole.keys() and all((after[key] == whole[key]).all() for key in whole)
    assert games.same([p.optimizer.state_dict() for p in resumed.players], [p.optimizer.state_dict() for p in unbroken.players])
