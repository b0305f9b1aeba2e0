"""The core: what happens, in which order, and what is remembered of it."""
