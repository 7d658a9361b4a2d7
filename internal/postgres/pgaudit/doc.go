// Package pgaudit reads a PostgreSQL database for the checks of internal/audit, and changes nothing. All
// questions are asked in one transaction that is repeatable read and read only, with row security off, so
// that hidden rows are an error and no empty answer. Each question has a savepoint and a time limit of its
// own: one that fails ends no other. Its source is CIS PostgreSQL Benchmark and contract, sections 1 to 5.
package pgaudit
