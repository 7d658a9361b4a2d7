// Package probe asks the servers of a deployment at their endpoints, over HTTP. It sends what a server
// takes (contract, section 6), follows no redirect, uses no proxy, and reads of an answer the status
// alone. No error names what was sent.
package probe
