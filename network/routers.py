"""Which database address is for what: the owner migrates, the application does all else."""


class OwnerMigrates:
    """Migrations run on the alias `owner` alone; reads and writes go to `default`."""

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        """Whether migrations of any app may run on this alias."""
        return db == "owner"
