"""The parent of an installation: prepares the servers, starts every process and stops every process again."""
