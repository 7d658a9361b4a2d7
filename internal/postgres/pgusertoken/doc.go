// Package pgusertoken is the table of users as internal/usertoken needs it: it describes the table, reads tokens, and
// writes new ones by compare-and-swap. New tokens reach the server by COPY, which no setting of the server writes
// into its log.
package pgusertoken
