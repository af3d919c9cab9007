"""The simulation behind docs/scaling.md."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "docs" / "scaling" / "simulate.py"


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("simulate", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["simulate"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["simulate"]


@pytest.fixture
def machine(simulation):
    """Without any chance in it."""
    return simulation.Machine(
        plan_s=0.01, draw_s=0.02, start_s=1.0, frame_mb=0, spread=0, straggling=0,
        hand_out_s=0, hours_between_deaths=1e12,
    )  # fmt: skip


def test_one_worker_takes_the_sum_and_a_second_shares_the_segments(simulation, machine):
    alone = simulation.simulate([256], 1, machine, 0)
    assert alone.hours * 3600 == pytest.approx(1 + 2.56 + 2 * (1 + 2.56))
    assert alone.busy == pytest.approx(1)
    two = simulation.simulate([256], 2, machine, 0)
    assert two.hours * 3600 == pytest.approx(2 * (1 + 2.56))


def test_a_seed_decides_and_the_dead_are_counted(simulation, machine):
    machine = simulation.replace(machine, hours_between_deaths=10 / 3600, spread=0.2)
    first, again = (simulation.simulate([256] * 50, 5, machine, 7) for _ in range(2))
    assert first == again and first.tried_again > 0 and first.lost > 0
    assert first != simulation.simulate([256] * 50, 5, machine, 8)


def test_a_slow_storage_is_waited_for(simulation, machine):
    machine = simulation.replace(machine, frame_mb=1, storage_mb_s=10)
    assert simulation.simulate([256] * 20, 20, machine, 0).storage > 0.5
