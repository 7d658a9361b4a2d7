// Package userlist reads and changes the auth_file of PgBouncer, by custom userlist.txt: a line for each account,
// with its name and its password or verifier in double quotes (PgBouncer documentation, "Authentication file
// format"). Every byte that is not the changed entry stays.
package userlist
