"""The mean course of the families of a network: which sign each has."""

import numpy as np
import pandas as pd
import pytest

from bids_app.analyses.evidence.subgroups import _courses, _signs
from bids_app.stats.standardise import zscore


@pytest.mark.parametrize(("active", "deactive", "sign"), [(0.4, 0.1, 1), (0.1, 0.4, -1), (0.4, np.nan, 1)])
def test_a_family_linked_in_both_parts_has_the_sign_of_the_larger(active: float, deactive: float, sign: int) -> None:
    links = pd.DataFrame(
        {"family": [3, 12, 12, 7], "part": ["active", "active", "deactive", "deactive"], "dice": 0.2}
    ).assign(dice=[0.2, active, deactive, 0.2])
    signs = _signs(links, "family")
    assert signs == {"3": 1, "12": sign, "7": -1}
    values = np.random.default_rng(0).standard_normal((3, 20))
    words = {"alice": pd.DataFrame(values.T, columns=["family-03", "family-07", "family-12"])}
    expected = zscore((values[0] - values[1] + sign * values[2]) / 3)
    np.testing.assert_allclose(_courses(words, signs, "family")["alice"], expected, atol=1e-12)
