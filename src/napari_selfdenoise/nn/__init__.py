"""Networks and blocks that methods share."""
