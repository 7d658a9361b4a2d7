// Package testdata holds what tests, the demo and the benchmark share.
package testdata

import _ "embed" // for the schema

// Schema makes the tables of an OCMT database.
//
//go:embed schema.sql
var Schema string
