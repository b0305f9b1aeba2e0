"""Pure and frozen: facts, commands, verdicts, the gate, and the keys of everything. The standard library only."""
