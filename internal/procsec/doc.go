// Package procsec keeps the memory of the process, which contains keys, out of core files
// and away from debuggers, and within bounds.
package procsec
