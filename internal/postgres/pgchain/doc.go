// Package pgchain keeps the tool's own record in a table of an OCMT database. Store is the table;
// FileStore is a file that takes its place where the account may not make a table.
//
// A writer takes an advisory lock of its transaction, and then nothing that anybody could hold: the
// entry comes last. So writers wait for one another, and never in a circle; live servers, which do
// not know the lock, wait for nothing; and it holds behind a pool that hands out transactions.
// Should a writer not heed the lock, the unique columns keep the chain from having two ends.
package pgchain
