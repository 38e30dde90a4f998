// Package er7 takes HL7 v2 messages apart as they are written with delimiters (HL7 v2.9, chapter 2.6: encoding rules 7):
// segments, fields, repetitions, components and subcomponents, by their places and without copying.
package er7
