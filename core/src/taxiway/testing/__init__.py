"""What plugin authors test with: a contract kit for each kind, fakes, virtual time. Import from the submodules."""
