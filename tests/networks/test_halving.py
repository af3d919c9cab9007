"""Batches that become smaller when memory is full."""

import pytest
import torch

from helpers.errors import RunError
from helpers.networks import devices
from helpers.networks.devices import halving_batches


@pytest.fixture(autouse=True)
def nothing_learnt(monkeypatch):
    monkeypatch.setattr(devices, "_fitting_sizes", {})


def test_batches_shrink_when_memory_is_full():
    done = []

    def work(batch):
        if len(batch) > 3:
            raise torch.cuda.OutOfMemoryError
        done.append(list(batch))
        return [2 * item for item in batch]

    assert list(halving_batches(work, iter(range(11)), 8, "test")) == [2 * n for n in range(11)]
    # 8, 4, then 2 fit; nothing is done twice
    assert done == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10]]


def test_memory_for_nothing_is_told():
    def work(batch):
        raise torch.cuda.OutOfMemoryError

    with pytest.raises(RunError, match="device=cpu"):
        list(halving_batches(work, range(4), 4, "test"))


def test_what_did_not_fit_once_is_not_tried_again():
    sizes = []

    def work(batch):
        sizes.append(len(batch))
        if len(batch) > 3:
            raise torch.cuda.OutOfMemoryError
        return batch

    for _ in range(2):
        assert list(halving_batches(work, range(4), 4, "test")) == [0, 1, 2, 3]
    assert list(halving_batches(work, range(3), 4, "another")) == [0, 1, 2]
    assert sizes == [4, 2, 2, 2, 2, 3]
