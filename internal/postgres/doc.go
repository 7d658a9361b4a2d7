// Package postgres is the connection to an OCMT database: connections and the pools
// that keep them, transactions, failures in words for an operator, and the lock of a
// run. The packages below it are the adapters of one domain each: pgmigrate,
// pgdiscover, pgrecord. They and this package are the only ones that write SQL.
//
// A connection pool between here and the server may hand each transaction to another
// backend. Then every statement is sent unnamed, and every setting is made inside the
// transaction that needs it. On a direct connection prepared statements and settings
// stay, which saves the server from planning the same statement again.
package postgres
