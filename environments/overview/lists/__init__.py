"""The lists of everything there is: filtered by the address, paged by keyset, one look for all."""
