"""Readers, one for each layout on disk; `open` finds the right one."""
