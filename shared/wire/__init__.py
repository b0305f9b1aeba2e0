"""Bytes to messages and back, and signatures. Pure."""
