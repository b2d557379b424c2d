"""What a run does beside its nodes: who may write, and what was made from what."""
