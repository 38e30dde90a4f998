// Package generic is a protocol that is declared wholly in a configuration: its
// framing, its fields, which of them is the ID, what tells a request from an answer,
// and the words of every notice.
//
// Fields stand at fixed places, in delimited columns, or where a regular expression
// finds them. Bytes that are not declared pass through unseen and unchanged: what is
// forwarded is the body as it came, in which only the ID is another.
package generic
