import pandas as pd

from bids_app.analyses.gain.report import say_gains

NAN = float("nan")


def test_the_sentence_on_gains() -> None:
    table = pd.DataFrame(
        [
            ("all", "all", 0.5, "near", 0.004, NAN, NAN),
            ("all", "all", 0.5, "none", 0.02, 0.01, 0.03),
            ("all", "all", 1.0, "none", -0.01, -0.03, 0.002),
            ("atlas", "A", 0.5, "none", 0.3, NAN, NAN),
            ("atlas", "A", 1.0, "none", 0.01, NAN, NAN),
            ("atlas", "B", 1.0, "none", 0.05, NAN, NAN),
            ("atlas", "B", 1.0, "near", 0.5, NAN, NAN),
        ],
        columns=["atlas", "region", "alpha", "control", "y", "low", "high"],
    )
    assert say_gains(table) == (
        "The mean brain score changes by −0.0100 with training to forecast (α = 1, 95 % interval −0.0300 to +0.0020); "
        "by +0.0040 with the control near (α = 0.5). The highest gain is that of B: +0.0500."
    )
    assert say_gains(table[table["region"] == "all"]).endswith("(α = 0.5).")
