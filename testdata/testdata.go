// Package testdata holds what tests, the demo and the benchmark share.
package testdata

import _ "embed" // for the files

// Schema makes the tables of an OCMT database.
//
//go:embed schema.sql
var Schema string

// AccessSchema makes the tables of live access beside them.
//
//go:embed schema_access.sql
var AccessSchema string

// TimelineSchema makes the audit tables beside audit_log.
//
//go:embed schema_timeline.sql
var TimelineSchema string

// VaultServer is a program for Node that keeps unlocked vaults as OCMT's management server does.
//
//go:embed server/vaults.mjs
var VaultServer string
