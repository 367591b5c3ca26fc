"""The shapes of REST: what requests carry and answers tell. They know no record."""
