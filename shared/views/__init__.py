"""Reading: frozen views made from the ports, and three faces for them: page, table and JSON."""
