"""What the pages of one thing show, read in a constant number of statements; rules and changes live elsewhere."""
