"""One function per message: ports as keyword arguments, a decision returned.

A step may be called twice, late, out of order, or never. It reads the present state before it acts, gives every effect
a deterministic key, records its facts itself (each is inserted once), and returns what is to be sent; the caller sends
it. So a crash at any line leaves something that the same message, or the sweep, carries on.
"""
