// Package postgres is the engine's database: it implements the interfaces of
// package migrate and is the only package that speaks SQL.
//
// Where a connection pool stands between here and the server, it may hand each
// transaction to another backend: then every statement is sent unnamed and every
// setting is made inside the transaction that needs it. On a direct connection
// both stay, which saves the server from planning the same statement again.
package postgres
