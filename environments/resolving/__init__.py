"""What configuration comes to: which value wins where, what it refers to, and why."""
