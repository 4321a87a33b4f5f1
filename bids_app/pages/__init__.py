"""The pages of participants and of the group."""
