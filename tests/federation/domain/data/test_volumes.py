import numpy as np

from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.data.volumes import as_slabs, with_context


def patients(lengths=(3, 1)):
    """Slice i is filled with i + 1."""
    m = sum(lengths)
    x = np.broadcast_to(np.arange(1, m + 1, dtype=np.float32)[:, None, None, None], (m, 2, 4, 4)).copy()
    ids = tuple(f"p{i}" for i in range(len(lengths)))
    index = np.repeat(np.arange(len(lengths)), lengths)
    y = (x[:, 0] > 2).astype(np.uint8)
    return SiteData("s", "segmentation", ids, x, y, index, {}, ("t1", "flair"), LoadReport(len(ids), len(ids)))


def test_neighbours_become_channels_and_the_ends_repeat_themselves():
    data = with_context(patients(), 1)
    assert data.x[:, ::2, 0, 0].tolist() == [[1, 1, 2], [1, 2, 3], [2, 3, 3], [4, 4, 4]]
    assert data.feature_names == ("t1@-1", "flair@-1", "t1", "flair", "t1@1", "flair@1")


def test_no_reach_changes_nothing():
    data = patients()
    assert with_context(data, 0) is data


def test_slabs_hold_every_slice_once_and_are_filled_up_with_black():
    data = as_slabs(patients(), 2)
    assert data.x.shape == (3, 2, 2, 4, 4) and data.y.shape == (3, 2, 4, 4)
    assert data.x[:, 0, :, 0, 0].tolist() == [[1, 2], [3, 0], [4, 0]]
    assert data.y[:, :, 0, 0].tolist() == [[0, 0], [1, 0], [1, 0]]
    assert data.patient_index.tolist() == [0, 0, 1]
