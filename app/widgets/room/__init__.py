"""What shares out the room there is: rows that fold, stacks as large as what they show, bars that scroll."""
