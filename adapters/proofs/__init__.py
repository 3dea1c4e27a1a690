"""What can be proven of a log: its tree kept in tiles, and checkpoints signed by a key that no database holds."""
