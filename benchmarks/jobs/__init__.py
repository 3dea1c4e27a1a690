"""One module per job; each compares the product with its peers and yields a line per comparison."""
