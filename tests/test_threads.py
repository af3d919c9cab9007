"""How many batches are drawn at once, and with how many threads each."""

import cv2
import pytest
import torch

from helpers import threads


@pytest.fixture
def four_cores():
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(4)
    cv2.setNumThreads(4)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.mark.parametrize(
    "bytes_a_batch, workers",
    [(1 << 20, 4), (threads.BYTES_AT_WORK // 2, 2), (2 * threads.BYTES_AT_WORK, 1)],
)
def test_a_batch_a_core_while_they_fit(four_cores, bytes_a_batch, workers):
    assert threads.workers_for(bytes_a_batch) == workers


def test_libraries_share_the_cores_and_get_them_back(four_cores):
    with pytest.raises(RuntimeError), threads.shared_by(2):
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (2, 2)
        raise RuntimeError
    assert (torch.get_num_threads(), cv2.getNumThreads()) == (4, 4)
