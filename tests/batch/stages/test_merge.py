"""Merging ids: exact, without gaps, and the same in whatever order links come."""

from itertools import chain

import networkx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_pixel_embedding.batch.stages import merge
from napari_pixel_embedding.batch.stages.merge import IdTable, Numbering, id_type, merge_ids

U = np.uint64


def starts_of(*counts):
    return np.concatenate([[0], np.cumsum(counts)]).astype(U)


@st.composite
def cases(draw):
    counts = draw(st.lists(st.integers(0, 5), min_size=1, max_size=6))
    total = sum(counts) + 3  # three objects without pixels in a core
    pairs = st.tuples(st.integers(0, total - 1), st.integers(0, total - 1))
    return counts, draw(st.lists(pairs, max_size=12))


@pytest.fixture(params=["table", "sorted"], autouse=True)
def way(request, monkeypatch):
    """Both ways to find the place of an id."""
    if request.param == "sorted":
        monkeypatch.setattr(merge, "_DENSE", 0)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cases(), st.randoms())
def test_ids_are_those_of_the_connected_groups(case, random):
    counts, links = case
    starts, total = starts_of(*counts), sum(counts)
    table = merge_ids(np.array(links, U).reshape(-1, 2), starts)
    graph = networkx.Graph()
    graph.add_nodes_from(range(total + 3))
    graph.add_edges_from(links)
    first = {n: min(group) for group in networkx.connected_components(graph) for n in group}
    kept = sorted({first[n] for n in range(total)})
    expected = [kept.index(first[n]) + 1 for n in range(total)]
    assert table.final(np.arange(total, dtype=U)).tolist() == expected
    assert table.count == len(kept)
    by_block = [table.of_block(b)[1:].tolist() for b in range(len(counts))]
    assert list(chain(*by_block)) == expected
    kept_here = [table.is_kept(b).tolist() for b in range(len(counts))]
    assert list(chain(*kept_here)) == [first[n] == n for n in range(total)]
    random.shuffle(links)
    turned = merge_ids(np.array([(b, a) for a, b in links], U).reshape(-1, 2), starts)
    assert turned.vanished.tolist() == table.vanished.tolist()
    assert turned.target.tolist() == table.target.tolist()


def test_ids_above_two_to_the_53_are_exact():
    """As floating-point numbers neighbours there would be one."""
    base = 2**60
    starts = np.array([0, base, base + 8], U)
    links = np.array([[base + 1, base + 3], [base + 4, base + 5]], U)
    table = merge_ids(links, starts)
    assert table.vanished.tolist() == [base + 3, base + 5]
    ids = table.of_block(1)[1:]
    assert [int(n) - base for n in ids] == [1, 2, 3, 2, 4, 4, 5, 6]
    assert ids.dtype == U and table.count == base + 6
    assert id_type(table.count) == U


def test_a_table_is_mapped_from_its_files(tmp_path):
    table = merge_ids(np.array([[0, 2]], U), starts_of(2, 2))
    table.save(tmp_path)
    loaded = IdTable.load(tmp_path)
    assert isinstance(loaded.vanished, np.memmap)
    assert loaded.of_block(1).tolist() == table.of_block(1).tolist() == [0, 1, 3]


def test_objects_without_pixels_in_a_core_only_join_others():
    numbering = Numbering.of(np.array([2, 1], U), np.array([3, 2], U))
    pairs = np.array([[0, 1, 1, 1], [0, 3, 1, 2], [0, 2, 1, 2]])
    numbers = numbering.numbers(pairs)
    assert numbers.tolist() == [[0, 2], [3, 4], [1, 4]]
    table = merge_ids(numbers, numbering.starts)
    assert table.count == 2
    assert table.of_block(0).tolist() == [0, 1, 2] and table.of_block(1).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("count", "kind"), [(5, "uint32"), (2**32 - 1, "uint32"), (2**32, "uint64")]
)
def test_labels_are_as_wide_as_needed(count, kind):
    assert id_type(count) == np.dtype(kind)
