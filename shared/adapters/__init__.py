"""One module for each outside system, named for it. Each imports its SDK when it is first used."""
