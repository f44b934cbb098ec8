"""Networks that find buildings, their classes and their heights in tiles."""
