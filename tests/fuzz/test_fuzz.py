"""Some of the damaged files of `make fuzz`, and that its seeds are whole."""

import signal

import pytest

from tests.fuzz.readers import READERS
from tests.fuzz.run import PROMISED, HangError, attempt, example, prepared

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="timers are those of POSIX"),
]
EXAMPLES = 120


@pytest.fixture(params=READERS)
def reader(request):
    return READERS[request.param]


def test_seeds_are_whole(tmp_path, reader):
    path, seeds = prepared(reader, tmp_path)
    assert seeds
    for seed in seeds:
        path.write_bytes(seed)
        reader.read(path)


def test_only_what_is_promised_is_raised(tmp_path, monkeypatch, reader):
    monkeypatch.setattr(signal, "setitimer", lambda *_: None)  # pytest-timeout uses it
    path, seeds = prepared(reader, tmp_path)
    read = 0
    for number in range(EXAMPLES):
        _, ended = attempt(reader, path, example(reader, seeds, number))
        assert ended is None or isinstance(ended, PROMISED), (number, ended)
        read += ended is None
    assert read < EXAMPLES or reader.name.endswith(".log")  # what is torn there is passed over


def test_a_hang_and_a_crash_would_be_seen(tmp_path):
    path, seeds = prepared(READERS["array"], tmp_path)

    class Bad:
        @staticmethod
        def read(path):
            raise HangError

    _, ended = attempt(Bad, path, seeds[0])
    assert isinstance(ended, HangError) and not isinstance(ended, PROMISED)


def test_an_example_is_the_same_each_time(tmp_path):
    _, seeds = prepared(READERS["recipe"], tmp_path)
    assert example(READERS["recipe"], seeds, 7) == example(READERS["recipe"], seeds, 7)
