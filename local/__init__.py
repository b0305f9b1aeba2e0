"""The laptop: every server that Sluice talks to, on 127.0.0.1, over the real protocols."""
