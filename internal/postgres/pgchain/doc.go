// Package pgchain keeps the tool's own record in a table of an OCMT database. Store is the table;
// FileStore is a file that takes its place where the account may not make a table.
//
// A writer adds its entry as the last work of its transaction, and waits there for the writer that
// added the same number before: the unique columns keep writers apart, and keep the chain from having
// two ends. So writers wait for one another, and never in a circle; whoever may not add to the table
// keeps nobody waiting; live servers, which do not know the table, wait for nothing; and it holds
// behind a pool that hands out transactions.
//
// What has the name of the record is taken for it only where nobody but the account, its roles, the
// owner of the database and superusers can make it run anything: see placeSQL.
package pgchain
