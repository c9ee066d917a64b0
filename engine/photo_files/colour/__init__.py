"""What the numbers of a file mean as colours: profiles, other descriptions put into their words, transparency."""
