package ocmt

// Known is a column whose values look as if they were under ENCRYPTION_KEY and are not:
// another key opens them, or none is needed.
type Known struct {
	Schema string // "" for the first schema of the search path that has the table
	Table  string
	Column string
	Member string // only this member of the JSON in the column; "" for the whole column
	Reason string
}

// KnownColumns returns the known columns of every OCMT release. Moving their values would
// need keys that no operator has.
func KnownColumns() []Known {
	return []Known{
		{Table: "users", Column: "vault", Reason: "each user's own key, which the server never has"},
		{Table: "group_vaults", Column: "vault_encrypted", Reason: "a key of the group's vault container"},
		{Table: "recovery_shards", Column: "shard", Reason: "part of a user's recovery key"},
		{Table: "tenants", Column: "settings", Member: "backup_key", Reason: "the key of the tenant's backups"},
	}
}
