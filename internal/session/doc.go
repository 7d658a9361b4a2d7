// Package session ends live access: login sessions and what is like them in PostgreSQL, and unlocked
// vaults in Redis. It selects, says beforehand what would end, ends it, and looks again until a whole
// look finds nothing. Contract: sections 3 and 4.
package session
