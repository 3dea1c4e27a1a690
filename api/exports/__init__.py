"""Exports of the trail: `http` and `terminal` ask for them; `taking` has what leaves, and what is recorded."""
