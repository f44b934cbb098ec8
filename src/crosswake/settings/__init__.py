"""Settings of every command, documented and checked where they are declared."""
