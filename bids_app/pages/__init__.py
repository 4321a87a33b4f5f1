"""The pages of participants and of the group: what a reader asks, in order."""
