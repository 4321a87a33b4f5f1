"""From which layer the words ahead add most."""
