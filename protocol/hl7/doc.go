// Package hl7 is HL7 v2 over MLLP: what the systems of a hospital send to one another. A message is acknowledged by one that
// names its control id (MSH-10) in MSA-2, in the mode that the sender has asked for in MSH-15 and MSH-16.
//
// Sources: HL7 v2.5.1 and v2.8.2, chapter 2 (control), MLLP release 1 (HL7 v2.3.1 implementation guide, appendix C) and
// release 2 (transport specification MLLP, 2006).
package hl7
