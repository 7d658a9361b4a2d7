// Package ocmt is what is known of an OCMT deployment: which columns of its database are encrypted under
// ENCRYPTION_KEY, which only look so, and which settings of its components are secrets.
package ocmt
