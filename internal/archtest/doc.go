// Package archtest holds no code: its test asks the go command what each
// package of this module depends on, and fails where a layer reaches for what
// it must not know. The linters check the import lines; this sees through other
// packages as well.
package archtest
