"""Trains and scores use cases on Spark. Data scientists write features and pick a model; the rest is here."""
