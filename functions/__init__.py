"""One module for each trigger: decode, call, answer. No branch on a business fact."""
