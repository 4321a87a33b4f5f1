"""What present, future and past words each explain that the others do not."""
