"""Options that several parts of a run share, each group a frozen dataclass; `Settings` is all of them together.

A function takes the group, or the combination of groups, that it needs. `Settings` is one of each.
"""
