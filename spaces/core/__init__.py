"""What a space is made of: domains, conditions, and joining the spaces of several methods."""
