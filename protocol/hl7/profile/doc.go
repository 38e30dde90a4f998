// Package profile says what the HL7 messages of a site look like, beyond what the standard asks of all (HL7 v2.8.2, chapter
// 2.B: conformance using message profiles), and holds messages against that.
package profile
