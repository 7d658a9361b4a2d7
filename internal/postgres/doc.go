// Package postgres is the engine's database: it implements the interfaces of
// package migrate and is the only package that speaks SQL.
//
// Every statement is sent unnamed and every setting is made inside the
// transaction that needs it, so that a connection pool between here and the
// server may hand each transaction to another backend.
package postgres
