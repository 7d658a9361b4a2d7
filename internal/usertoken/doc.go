// Package usertoken makes the gateway tokens of users anew: users.gateway_token (contract, section 1). A token
// that stands sealed stays sealed, one in the clear stays in the clear, and what is not understood is left as
// it is and reported.
//
// A run takes a census of the tokens at one moment and keeps a digest of each. Every row that still has its
// token of the census gets a new one, by compare-and-swap. The run looks again until a whole look finds no
// token of the census. What a server writes meanwhile is another token, and stays. A token carries no mark
// that says when it was made, so a run that was cut off is not gone on with: the next one renews all anew.
package usertoken
