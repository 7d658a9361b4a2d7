package ocmt

import "slices"

// Table is a table with columns that OCMT encrypts under ENCRYPTION_KEY.
type Table struct {
	Schema  string // "" for the first schema of the search path that has it
	Name    string
	OldName string // the name before OCMT renamed the table; "" if it was never renamed
	Key     string // the column that identifies a row: unique and never NULL
	Columns []Column
}

// Column is one encrypted column of a table.
type Column struct {
	Name string
	// PlaintextAllowed says that OCMT itself also stores plaintext here and compares it as
	// text, so that sealing such a value would break OCMT.
	PlaintextAllowed bool
	// Required says that the deployment itself names the column, so that a database without
	// it is not the one that is meant.
	Required bool
}

// Catalogue returns the tables that every OCMT release is known to encrypt. A
// deployment may lack some of them, and may have one under its old name, or under both.
func Catalogue() []Table {
	return []Table{
		{Name: "users", Key: "id", Columns: []Column{{Name: "gateway_token", PlaintextAllowed: true}}},
		{Name: "secrets", Key: "key", Columns: columns("value_encrypted")},
		{Name: "user_integrations", Key: "id",
			Columns: columns("access_token_encrypted", "refresh_token_encrypted", "api_key_encrypted")},
		{Name: "group_resources", OldName: "org_resources", Key: "id", Columns: columns("auth_config_encrypted")},
		{Name: "device_keys", Key: "id", Columns: columns("encrypted_device_key")},
		{Name: "recovery_methods", Key: "id", Columns: columns("config_encrypted")},
		{Name: "recovery_contacts", Key: "id", Columns: columns("shard_encrypted")},
		{Name: "group_unlock_requests", OldName: "org_unlock_requests", Key: "id", Columns: columns("session_key_encrypted")},
		{Name: "alert_channels", Key: "id", Columns: columns("config_encrypted")},
		{Name: "user_mfa", Key: "id", Columns: columns("totp_secret_encrypted")},
	}
}

func columns(names ...string) []Column {
	list := make([]Column, len(names))
	for i, name := range names {
		list[i].Name = name
	}
	return list
}

// Add returns the tables with one more. If a table of the same schema, name and key is among
// them, it adds the columns to that table instead. An existing column stays as it is.
func Add(tables []Table, extra Table) []Table {
	for i, table := range tables {
		if table.Name != extra.Name || table.Schema != extra.Schema || table.Key != extra.Key {
			continue
		}
		merged := slices.Clone(tables)
		merged[i].Columns = slices.Clone(table.Columns)
		for _, column := range extra.Columns {
			exists := slices.ContainsFunc(table.Columns, func(c Column) bool { return c.Name == column.Name })
			if !exists {
				merged[i].Columns = append(merged[i].Columns, column)
			}
		}
		return merged
	}
	return append(slices.Clone(tables), extra)
}
