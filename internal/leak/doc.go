// Package leak finds configured secrets in bytes: in the objects of a repository, in logs, in
// histories. A secret is found in each form that programs usually give to it, such as URL-encoded,
// escaped for JSON, or in Base64 somewhere within a longer text.
//
// What is found is named by the setting and the form. No result, no error and no way of printing
// a Matcher has a byte of a secret or of the text around it.
package leak
