// Package iso8583 is ISO 8583, in the dialect of a host (package dialect) and behind a declared framing.
//
// A body begins with the message type; TPDU and BASE I headers are the framing's. Fields are called DE2, DE11, DE48.01 (a part
// by position or tag), DE55.9F26 (an EMV tag); MTI, MTI.version, MTI.class, MTI.function, MTI.origin and bitmap are paths too.
//
// Decisions where the standard leaves room:
//
//   - A message is judged whole before it is forwarded: bitmaps, lengths, characters of every field, and that nothing follows
//     the last. A wrong dialect shows up a field or two late, so a reason names the field before.
//   - Requests and answers belong together by version and class of the message type, DE11 and DE41, or the fields that the
//     configuration says. DE11 alone would give one terminal another's answer: two of them begin at 000001.
//   - Network management (08xx) belongs to a connection. It is answered where it arrives, and never forwarded: on a line that many
//     share, one terminal's sign-off would sign off all. What is not answered with an approval (exchange of keys above all) is
//     refused and not silently approved.
//   - What is declined is a result like any other. Message.Failed says that the host could not process the request at all:
//     format error and system malfunction.
//   - A notice gives back the fields that a sender pairs answers by, as they came, and of those none that is secret: not the
//     card's number either, though the standard has it echoed. Numbers and terminal tell a sender which request it was.
package iso8583
