// Package ocmt holds what is known of an OCMT deployment's database: which
// columns are encrypted under ENCRYPTION_KEY, and what each of them may hold.
package ocmt
