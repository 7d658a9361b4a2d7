// Package review puts the audit tables of an OCMT deployment (contract, section 5) on one timeline:
// it pages through them, tells the same event once, exports it, and finds what looks like an attack.
// It declares the database that it needs, and knows no driver.
package review
