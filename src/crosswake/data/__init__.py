"""What a chip and a pair are, and the tables that sources give."""
