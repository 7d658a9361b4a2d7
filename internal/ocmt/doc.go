// Package ocmt is what is known of the database of an OCMT deployment: which columns are
// encrypted under ENCRYPTION_KEY, and which only look so.
package ocmt
