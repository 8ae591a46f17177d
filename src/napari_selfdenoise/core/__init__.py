"""The words everyone shares; numpy and the standard library only."""
