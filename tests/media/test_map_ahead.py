"""Work in several threads whose results come in order."""

import threading

import pytest

from helpers import media


def test_results_come_in_order_whoever_is_first():
    second_done = threading.Event()

    def work(n):
        if n == 0:
            assert second_done.wait(10)
        if n == 1:
            second_done.set()
        return n * n

    assert list(media.map_ahead(work, range(5), 2)) == [0, 1, 4, 9, 16]


def test_no_more_items_are_taken_than_there_are_workers():
    taken = []

    def items():
        for n in range(9):
            taken.append(n)
            yield n

    results = media.map_ahead(str, items(), 3)
    assert next(results) == "0"
    assert taken == [0, 1, 2, 3]


def test_an_error_comes_out_in_its_results_place():
    results = media.map_ahead(lambda n: 1 // n, [1, 0, 1], 2)
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_threads_end_with_the_work():
    before = set(threading.enumerate())
    results = media.map_ahead(str, range(100), 2)
    next(results)
    workers = set(threading.enumerate()) - before
    assert len(workers) == 2
    results.close()
    for thread in workers:
        thread.join(10)
    assert not any(thread.is_alive() for thread in workers)


def test_who_stops_early_waits_for_what_is_in_work():
    begun = threading.Event()
    finished = []

    def work(n):
        if n == 1:
            begun.set()
            threading.Event().wait(0.2)
        finished.append(n)

    results = media.map_ahead(work, range(9), 2)
    next(results)
    assert begun.wait(10)
    results.close()
    assert 1 in finished
